"""Shows: cues, the audience's picture and the speaker's view of both."""
