"""Synthetic talking heads: portrait clips with exact cameras, depth and masks, drawn by this code.

With them anyone can train, show and measure a PV3D model without a face data set, and no other
data have true geometry. The heads come from the morphable model ICT-FaceKit (USC Institute for
Creative Technologies, https://github.com/USC-ICT/ICT-FaceKit, MIT licence: credit it and include
its licence when you distribute data made from it). Its files are not part of this project; give the
folder of a checkout, or the compact file made from one (10 MB instead of 300).

    pip install ".[synthetic]"                  # moderngl; any OpenGL 4 with EGL, Mesa's will do
    python -m training.synthetic heads.zip --model ICT-FaceKit --people 1000 --clips-per-person 2
    python -m training.synthetic heads.zip --help

If it is stopped, run it again to resume. A clip depends only on the seed and its own number, so
neither the order nor the number of processes changes a byte, and a folder can be extended with more
people later. In Python:

    from training.synthetic.ict import load_model
    from training.synthetic.head_renderer import HeadRenderer
    renderer = HeadRenderer(load_model("ict_compact.npz"), 256)
    renderer.set_identity(identity_from_u(u))        # u ~ N(0, I), traits.IDENTITY_DIM numbers
    renderer.set_pose(expr_weights(m, t))            # m ~ N(0, I); a function of m * t alone
    frame = renderer.draw(Camera.orbit(yaw=20))      # colour, distance along the rays, coverage

The modules: `ict` reads the morphable model; `head_model` poses and paints it; `traits` and
`expression` turn random numbers into people and motions; `hair`, `garment` and `glasses` dress
them; `baking` precomputes what is cached (5 seconds, once); `shaders` and `head_renderer` draw;
`synthetic_clips` writes the data set; `generate` is the command.
"""
