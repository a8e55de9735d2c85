"""Batch inference in Beam: millions of images in, shards of predictions out."""
