"""Synthetic talking heads: portrait clips with exact cameras, depth and masks, drawn by this code.

They let anyone train, show and measure a PV3D model without a face data set, and are the only data
with true geometry. The heads come from the morphable model ICT-FaceKit (USC Institute for Creative
Technologies, https://github.com/USC-ICT/ICT-FaceKit, MIT licence: name it and keep its licence
where you pass on data made from it). Its files are not part of this project; give the folder of a
checkout, or the compact file made from one (10 MB instead of 300).

    pip install ".[synthetic]"                  # moderngl; any OpenGL 4 with EGL, Mesa's will do
    python -m training.synthetic heads.zip --model ICT-FaceKit --people 1000 --clips-per-person 2
    python -m training.synthetic heads.zip --help

If stopped, run it again and it resumes where it stopped. Clips depend on the seed and their
own number only, so neither the order nor the number of processes changes a byte, and a folder can
be extended with more people later. In Python:

    from training.synthetic.ict import load_model
    from training.synthetic.head_renderer import HeadRenderer
    renderer = HeadRenderer(load_model("ict_compact.npz"), 256)
    renderer.set_identity(identity_from_u(u))        # u ~ N(0, I), traits.IDENTITY_DIM numbers
    renderer.set_pose(expr_weights(m, t))            # m ~ N(0, I); a function of m * t alone
    frame = renderer.draw(Camera.orbit(yaw=20))      # colour, distance along the rays, coverage

The modules: `ict` reads the morphable model; `head_model` poses and paints it; `traits` and
`expression` turn random numbers into people and motions; `hair`, `garment` and
`glasses` dress them; `baking`
computes what is kept in a cache (5 seconds, once); `shaders` and `head_renderer` draw;
`synthetic_clips` is the data set format on disk; `generate` is the command.
"""
