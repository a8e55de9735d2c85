"""What is learned, and how it is served. Imports neither tfx nor Beam nor kfp."""
