"""The assets, one module a layer: thin shells around the pipeline's stages."""
