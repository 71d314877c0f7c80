"""GLSL of the renderer: skin with eyes and teeth, hair, stubble, cloth, glasses.

All light is computed in linear RGB and written as sRGB (a gamma of 2.2). Besides the colour each
program writes the distance from the camera along the ray. Positions are world units; `rest` is
the undeformed head in centimetres, which carries the textures. What passes between the stages is
`centroid`: at the rim of a triangle, distances would otherwise be those of points beside it.
"""

_COMMON = """#version 400
uniform vec3 eye, key, key_light, fill_light, rim_light, sky, ground;
layout(location=0) out vec4 colour; layout(location=1) out float distance_;

float hash(vec2 p) {
  p = fract(p * vec2(123.34, 456.21)); p += dot(p, p + 45.32); return fract(p.x * p.y);
}
float noise(vec2 p) {
  vec2 i = floor(p), f = fract(p); f = f * f * (3. - 2. * f);
  return mix(mix(hash(i), hash(i + vec2(1, 0)), f.x),
             mix(hash(i + vec2(0, 1)), hash(i + vec2(1, 1)), f.x), f.y);
}
vec3 key_at() { return normalize(key); }
vec3 fill_at() { return normalize(vec3(-key.x * 1.1, .15, .7)); }
vec3 rim_at() { return normalize(vec3(-key.x, .5, -.9)); }
vec3 ambient(vec3 n) {
  return mix(ground, sky, n.y * .5 + .5);
}
float shine(vec3 n, vec3 v, vec3 l, float s) {
  return pow(max(dot(n, normalize(v + l)), 0.), s) * (s + 8.) / 25.1;
}
// Diffuse light on a surface; `wrap` lets it reach round the edge, by colour, as in skin.
vec3 lit(vec3 albedo, vec3 n, vec3 wrap, float ao) {
  float shade = mix(1., ao, .85);
  vec3 soft = pow(vec3(ao), vec3(.75, 1., 1.08));
  vec3 k = max((vec3(dot(n, key_at())) + wrap) / (1. + wrap), 0.);
  vec3 f = max((vec3(dot(n, fill_at())) + wrap) / (1. + wrap), 0.);
  float r = pow(max(dot(n, rim_at()), 0.), 1.3);
  return albedo * (ambient(n) * soft + key_light * k * mix(1., shade, .75) + fill_light * f * ao
                   + rim_light * r * ao * .7);
}
vec2 around(vec3 rest) { return vec2(atan(rest.x, rest.z + .4) * 9., rest.y); }
void emit(vec3 light, vec3 position) {
  colour = vec4(pow(clamp(light, 0., 1.), vec3(1. / 2.2)), 1.);
  distance_ = distance(position, eye);
}
// Cover a share of the pixel's four samples: smooth borders without sorting.
int covered(float share, int turn) {
  int count = int(clamp(share, 0., 1.) * 4. + .5), mask = (1 << count) - 1;
  return ((mask << turn) | (mask >> (4 - turn))) & 15;
}
"""

SKIN_VERTEX = """#version 400
in vec3 position, normal, rest; in float part, occlusion, lips, liner, blush, brow, growth;
uniform mat4 matrix;
centroid out vec4 position_ao, normal_lips, rest_part, paint;
void main() {
  gl_Position = matrix * vec4(position, 1);
  position_ao = vec4(position, occlusion); normal_lips = vec4(normal, lips);
  rest_part = vec4(rest, part); paint = vec4(liner, blush, brow, growth);
}"""

SKIN_FRAGMENT = (
    _COMMON
    + """
centroid in vec4 position_ao, normal_lips, rest_part, paint;
uniform vec3 skin, hair, brow_colour, iris, lip_colour, eye_left, eye_right;
uniform float lip_strength, brow_strength, liner_strength, gloss, blush_strength, freckles, gape;
uniform float stubble_strength, grain, wrinkles, lip_gloss;

float crease(vec2 p, vec2 a, vec2 b, float width) {
  vec2 e = b - a, d = p - a - e * clamp(dot(p - a, e) / dot(e, e), 0., 1.);
  return exp(-dot(d, d) / (width * width));
}
// Folds of old skin, 0 to 1: beside nose and mouth, on the forehead, under and beside the eyes.
float folds(vec3 rest) {
  if (rest.z < 4.) return 0.;
  vec2 p = vec2(abs(rest.x), rest.y);
  float f = crease(p, vec2(2., -.3), vec2(3.6, -3.), .2) + .7 * crease(p, vec2(3.3, -4.2),
                                                                         vec2(3.3, -6.), .2);
  f += .8 * crease(p, vec2(2., 2.2), vec2(3.3, 1.75), .18);
  f += .6 * crease(p, vec2(3.3, 1.75), vec2(4.6, 2.3), .18);
  for (int k = 0; k < 3; k++) {
    float y = 6.8 + 1.05 * float(k) + .2 * sin(rest.x * 1.1 + float(k));
    f += .8 * exp(-pow((rest.y - y) / .17, 2.)) * smoothstep(4.6, 2.5, p.x);
    vec2 out_ = vec2(6.6, 3.5 + .75 * (float(k) - 1.));
    f += .6 * crease(p, vec2(5.4, 3.3 + .3 * (float(k) - 1.)), out_, .12);
  }
  f += .7 * crease(p, vec2(.55, 4.6), vec2(.65, 6.), .16);
  return min(f, 1.);
}
vec3 skin_colour(vec3 rest, float lips) {
  // Its pattern sticks to the head, two pixels wide and more: finer ones would flicker.
  vec2 q = around(rest);
  vec3 c = skin * mix(.93, 1.05, noise(rest.xy * 1.3 + rest.z) * .6
                                 + noise(rest.xy * 4. + 7.) * .4);
  c *= 1. + grain * (.16 * (noise(q * 3.2) - .5) + .10 * (noise(q * 1.7 + 5.) - .5));
  c = mix(c, c * vec3(1.04, .86, .82), grain * smoothstep(.55, .9, noise(q * .8 + 2.)) * .8);
  c *= 1. - wrinkles * folds(rest) * vec3(.34, .42, .44);
  c = mix(c, c * vec3(1.08, .70, .66), paint.y * blush_strength);
  vec2 cell = floor(q * 2.4);
  vec2 centre = .3 + .4 * vec2(hash(cell), hash(cell + 17.));
  float spots = smoothstep(.34, .14, distance(fract(q * 2.4), centre)) * step(.4, hash(cell + 5.));
  spots *= exp(-pow((rest.y - .5) / 2.6, 2.));
  c *= 1. - spots * vec3(.36, .5, .56) * freckles * smoothstep(4., 7., rest.z);
  // growth is the scalp's where positive, the beard's where negative
  float grain = noise(around(rest) * 8.);
  float scalp = smoothstep(.1, .75, paint.w + (grain - .5) * .5);
  c = mix(c, hair * .55 + skin * .06, scalp * stubble_strength);
  float beard = smoothstep(.04, .8, -paint.w * (.75 + .5 * grain));
  c = mix(c, brow_colour * .7 + skin * .16, beard * .85);
  vec3 lip = lip_colour * (.86 + .28 * noise(vec2(rest.x * 3.4, rest.y * 1.1)));
  c = mix(c, lip, lips * lip_strength);
  c *= 1. - .35 * lips * smoothstep(.25, 0., abs(rest.y + 3.42)) * step(7., rest.z);
  float side = sign(rest.x);
  float hairs = .80 + .35 * noise(vec2(rest.x * 9. - rest.y * 5. * side,
                                       rest.y * 2. + rest.x * side * 1.5));
  c = mix(c, brow_colour, clamp(paint.z * brow_strength * hairs, 0., .96));
  return mix(c, vec3(.02, .013, .01), paint.x * liner_strength);
}
vec3 eye_colour(vec3 rest, bool left) {
  vec3 q = normalize(rest - (left ? eye_left : eye_right));
  vec3 gaze = normalize(vec3(left ? .04 : -.04, 0., 1.));
  float a = acos(clamp(dot(q, gaze), -1., 1.)), around = atan(q.y, q.x), rim = .50;
  vec3 white = mix(vec3(.80, .77, .75), vec3(.70, .45, .40), smoothstep(.55, 1.15, a));
  vec3 c = iris * (.6 + noise(vec2(around * 4., a * 9.)));
  c *= mix(1.7, .8, smoothstep(.2, rim, a)) * (1. - .8 * smoothstep(rim - .10, rim, a));
  c = mix(vec3(.006), c, smoothstep(.17, .22, a));
  return mix(c, white, smoothstep(rim - .03, rim + .05, a));
}
void main() {
  vec3 rest = rest_part.xyz, p = position_ao.xyz;
  float part = rest_part.w, ao = position_ao.w, lips = normal_lips.w;
  vec3 n = normalize(normal_lips.xyz), v = normalize(eye - p), wrap = vec3(0.), albedo;
  float reflect_ = 0., sharp = 20., edge = 1.;
  if (part < 1.5) {                                    // face, head
    albedo = skin_colour(rest, lips);
    reflect_ = mix(.055, .08 + .22 * lip_gloss, lips) * gloss; sharp = mix(18., 50., lips);
    reflect_ *= 1. - .7 * clamp(abs(paint.w) * 1.5, 0., 1.);
    wrap = vec3(.32, .14, .09);
    edge = (.35 + .65 * pow(1. - max(dot(n, v), 0.), 4.)) * 2.2;
  } else if (part < 2.5) {                             // inside of the mouth
    albedo = vec3(.105, .0245, .021);
  } else if (part < 4.5) {                             // eye sockets
    albedo = skin * .25;
  } else if (part < 5.5) {                             // gums, tongue
    albedo = vec3(.50, .16, .15); reflect_ = .1; sharp = 40.;
    ao = (smoothstep(3., 10.5, rest.z) * .75 + .03) * mix(.5, 1., ao);
  } else if (part < 6.5) {                             // teeth
    // The lips shade the teeth: less, the wider the mouth; most at the gums and the corners.
    bool upper = rest.y > -3.55;
    float front = smoothstep(6.3, 10.4, rest.z) * (1. - .5 * smoothstep(1.2, 2.9, abs(rest.x)));
    float gum = upper ? smoothstep(-1.9, -3.1, rest.y) : smoothstep(-5.2, -4., rest.y);
    ao = (.07 + .88 * front) * mix(.45, 1., gum) * mix(.16, 1., pow(ao, 1.6));
    ao *= (upper ? .95 : mix(.55, .12, smoothstep(.8, 2., abs(rest.x)))) * mix(.75, 1., gape);
    albedo = vec3(.78, .73, .62); reflect_ = .25 * ao; sharp = 60.; wrap = vec3(.1);
  } else {                                             // eyeballs
    albedo = eye_colour(rest, part < 8.5);
    reflect_ = .9; sharp = 260.; edge = .9; wrap = vec3(.25);
    ao = mix(.42, 1., smoothstep(.75, -.35, rest.y - 3.55)) * .95;
  }
  vec3 c = lit(albedo, n, wrap, ao);
  if (part > 4.5 && part < 6.5) c *= mix(.06, 1., smoothstep(0., .45, ao));  // lips shade the lamp
  c += key_light * (shine(n, v, key_at(), sharp) + shine(n, v, fill_at(), sharp) * .25)
       * reflect_ * mix(1., ao, .85) * edge;
  if (part > 6.5) c = min(c, vec3(.95));
  emit(c / (1. + .18 * c) * 1.08, p);
}"""
)

_HAIR_LIGHT = """
uniform vec3 hair;
// Hair after Kajiya and Kay (1989): two highlights along the tangent `t`.
vec3 hair_light(vec3 colour_, vec3 n, vec3 t, vec3 v, float strand, float ao) {
  float along = dot(t, normalize(key_at() + v)), shift = (strand - .5) * .35;
  float first = pow(max(0., 1. - pow(along + shift, 2.)), 60.);
  float second = pow(max(0., 1. - pow(along + shift - .18, 2.)), 22.);
  float gleam = (first * .55 + second * .22) * (.25 + 1.1 * strand);
  float k = clamp(dot(n, key_at()) * .7 + .3, 0., 1.);
  vec3 c = colour_ * (ambient(n) * .9 * ao + key_light * k * mix(1., ao, .6)
                      + fill_light * clamp(dot(n, fill_at()), 0., 1.)
                      + rim_light * 1.2 * pow(clamp(dot(n, rim_at()), 0., 1.), 1.5));
  return c + (hair * .7 + .04) * gleam * k * .55 * ao;
}
"""

CAP_VERTEX = """#version 400
in vec3 position, normal; in vec2 strand; in float lift, tip, occlusion;
uniform mat4 matrix; uniform float raise_;
centroid out vec4 position_ao, normal_lift; centroid out vec3 strand_tip;
void main() {
  vec3 p = position + normal * raise_;
  gl_Position = matrix * vec4(p, 1);
  position_ao = vec4(p, occlusion); normal_lift = vec4(normal, lift);
  strand_tip = vec3(strand, tip);
}"""

CAP_FRAGMENT = (
    _COMMON
    + _HAIR_LIGHT
    + """
centroid in vec4 position_ao, normal_lift; centroid in vec3 strand_tip;
uniform float sparse, rough, wave, sheen, curls; uniform int turn;
void main() {
  vec3 p = position_ao.xyz, n = normalize(normal_lift.xyz), v = normalize(eye - p);
  vec2 s = strand_tip.xy;
  s.x += rough * 5. * (noise(vec2(s.x * .16, s.y * .55)) - .5);
  s.x += wave * 2.5 * sin(s.y * 1.5 + .12 * s.x);
  float fine = noise(vec2(s.x * 1.1, s.y * .35)), wide = noise(vec2(s.x * .42 + 9., s.y * .15));
  float thread = noise(vec2(s.x * 2.1 + 3., s.y * .5));
  // Strands end at different places: see the skin between them at the hairline and the tips.
  float share = smoothstep(-.12, .22, normal_lift.w + (thread - .5) * .45);
  share *= smoothstep(0., .35, strand_tip.z - 1.3 * wide - .5 * fine);
  share *= mix(1., .7 * smoothstep(.35, .8, thread + .25 * (fine - .5)), sparse);
  gl_SampleMask[0] = covered(share, turn);
  if (gl_SampleMask[0] == 0) discard;
  if (dot(n, v) < 0.) n = -n;
  vec3 t = normalize(cross(n, normalize(cross(vec3(0, 1, 0), n) + 1e-4)));
  float groove = noise(vec2(s.x * .55 + 4., s.y * .2)) - noise(vec2(s.x * .55 + 4.6, s.y * .2));
  n = normalize(n + cross(n, t) * groove * (.5 + .25 * rough));
  // Most of it is three pixels wide or more: that much a tri-plane can hold.
  float lock = 1. - abs(2. * noise(vec2(s.x * .21 + 2., s.y * .09)) - 1.);
  float st = fine * .25 + wide * .45 + lock * .3, ao = position_ao.w;
  vec2 k = strand_tip.xy * vec2(.2, 1.6);
  float curl = noise(k + .6 * sin(k.yx * 2.6));
  st = mix(st, .3 * fine + .7 * curl, curls);
  st = clamp(.5 + (st - .5) * (.7 + .9 * sheen), 0., 1.);
  ao *= mix(.72, 1., smoothstep(.0, .6, normal_lift.w));
  vec3 c = hair * (.45 + 1.05 * st) * mix(.6, 1., ao);
  emit(hair_light(c, n, t, v, st, mix(.5, 1., ao)), p);
}"""
)

STUBBLE_VERTEX = """#version 400
in vec3 position, normal, rest; in float growth, occlusion;
uniform mat4 matrix; uniform float height, scalp_length, beard_length;
centroid out vec4 position_growth, normal_ao; centroid out vec3 rest_;
void main() {
  float length_ = growth > 0. ? scalp_length : beard_length;
  vec3 droop = growth > 0. ? vec3(0) : vec3(0., -.6, 0.);
  vec3 p = position + normalize(normal + droop * height) * length_ * height * sqrt(abs(growth));
  gl_Position = matrix * vec4(p, 1);
  position_growth = vec4(p, growth); normal_ao = vec4(normal, occlusion); rest_ = rest;
}"""

STUBBLE_FRAGMENT = (
    _COMMON
    + _HAIR_LIGHT
    + """
centroid in vec4 position_growth, normal_ao; centroid in vec3 rest_;
uniform float height; uniform vec3 brow_colour, skin; uniform int turn;
void main() {
  vec3 p = position_growth.xyz, n = normalize(normal_ao.xyz), v = normalize(eye - p);
  float growth = position_growth.w; bool beard = growth < 0.;
  vec2 q = around(rest_);
  float thread = noise(beard ? q * vec2(9., 3.5) : q * vec2(7., 4.));
  float share = smoothstep(.04, beard ? .55 : .7, abs(growth)) * (1.15 - .65 * height);
  share = smoothstep(.1, .75, share + .6 * (thread - .5));
  gl_SampleMask[0] = covered(share, turn);
  if (gl_SampleMask[0] == 0) discard;
  vec3 base = beard ? brow_colour * .85 + skin * .05 : hair;
  vec3 t = normalize(cross(n, normalize(cross(vec3(0, 1, 0), n) + 1e-4)));
  vec3 c = base * (beard ? .5 + .9 * thread : .8 + .3 * thread) * mix(.7, 1., height);
  emit(hair_light(c, normalize(n + .5 * (thread - .5) * vec3(0, -1, 0)), t, v, thread,
                  mix(.55, 1., height) * mix(.5, 1., normal_ao.w)), p);
}"""
)

CLOTH_VERTEX = """#version 400
in vec3 position, normal; in vec2 weave;
uniform mat4 matrix;
centroid out vec3 position_, normal_; centroid out vec2 weave_;
void main() {
  gl_Position = matrix * vec4(position, 1);
  position_ = position; normal_ = normal; weave_ = weave;
}"""

CLOTH_FRAGMENT = (
    _COMMON
    + """
centroid in vec3 position_, normal_; centroid in vec2 weave_;
uniform vec3 shirt, trim; uniform int pattern;
void main() {
  vec3 n = normalize(normal_), v = normalize(eye - position_);
  bool inside = dot(n, v) < 0.;
  if (inside) n = -n;
  float rim = smoothstep(2.75, 2.55, weave_.y);
  float ribs = abs(fract(weave_.x * 1.6) - .5) * 2.;
  float folds = noise(weave_ * vec2(.16, .3) + 3.) - .5;
  n = normalize(n + vec3(folds * .5, -.12 * folds, 0.));
  vec2 bands = smoothstep(.44, .56, abs(fract(weave_ / vec2(4.19, 3.)) - .5) * 2.);
  float second = pattern == 1 ? bands.y : pattern == 2 ? .5 * (bands.x + bands.y) : 0.;
  second = weave_.y < 2.75 ? (pattern == 3 ? 1. : 0.) : second;
  vec3 albedo = mix(shirt, trim, second) * (.9 + .16 * noise(weave_ * 1.2));
  albedo *= mix(1., .80 + .16 * ribs, rim);
  albedo *= 1. - .35 * exp(-pow((weave_.y - 2.75) / .12, 2.));   // seam
  float ao = inside ? .35 : mix(.5, 1., smoothstep(.2, 3.5, weave_.y));
  vec3 c = lit(albedo, n, vec3(.1), ao);
  c += key_light * (shine(n, v, key_at(), 20.) + shine(n, v, fill_at(), 20.) * .25) * .02;
  emit(c / (1. + .18 * c) * 1.08, position_);
}"""
)

GLASSES_VERTEX = """#version 400
in vec3 position, normal;
uniform mat4 matrix;
centroid out vec3 position_, normal_;
void main() {
  gl_Position = matrix * vec4(position, 1);
  position_ = position; normal_ = normal;
}"""

GLASSES_FRAGMENT = (
    _COMMON
    + """
centroid in vec3 position_, normal_;
uniform vec3 frame;
void main() {
  vec3 n = normalize(normal_), v = normalize(eye - position_);
  vec3 c = lit(frame, n, vec3(0.), .9) + key_light * shine(n, v, key_at(), 40.) * .12;
  emit(c / (1. + .18 * c) * 1.08, position_);
}"""
)

SOURCES: dict[str, tuple[str, str]] = {
    "skin": (SKIN_VERTEX, SKIN_FRAGMENT),
    "cap": (CAP_VERTEX, CAP_FRAGMENT),
    "stubble": (STUBBLE_VERTEX, STUBBLE_FRAGMENT),
    "cloth": (CLOTH_VERTEX, CLOTH_FRAGMENT),
    "glasses": (GLASSES_VERTEX, GLASSES_FRAGMENT),
}
"""Vertex and fragment shader of each program."""
