"""From a photo to a person of a generator, by GAN inversion: codes first, then weights.

- `inverting`: all stages, as a job that shows its progress and can be stopped and resumed.
- `code_search`: person (W+ in principal directions of w), motion (in the directions that the motion
  layers read), camera and crop, by gradient descent from the most similar of some random people.
- `weight_tuning`: pivotal tuning (Roich et al., 2021, arXiv 2106.05744), with losses that preserve
  unseen views, random motions and the face at rest.
- `photo_target`, `likeness`: the photo's crop, and the losses that compare pictures with it.
- `occupancy`: keeps the space empty that the model's own people leave empty.
"""
