"""Networks of PV3D, one file a part; `generator.Generator` puts them together."""
