"""From a photo to a person of a generator, after those who invert GANs: codes first, then weights.

- `inverting`: the stages in a row, as a job that can be watched, stopped and gone on with.
- `code_search`: person (W+ in principal directions of w), motion (in the directions that the motion
  layers read), camera and crop, by gradient descent from the most similar of some random people.
- `weight_tuning`: pivotal tuning (Roich et al., 2021, arXiv 2106.05744), with losses that leave
  unseen views, random motions and the face at rest as they were.
- `photo_target`, `likeness`: what is compared, and how.
- `occupancy`: matter stays where the people of the model have some.
"""
