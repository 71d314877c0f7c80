"""The timeline below the picture: the clip, the path and the motion track."""
