"""The pipeline steps that TFX lacks: plain functions on top, a thin adapter below."""
