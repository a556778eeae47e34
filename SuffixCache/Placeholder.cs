// placeholder so that the project builds; replaced by its first type
