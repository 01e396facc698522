"""Shows what the engine does. Holds no training logic and does no tensor maths."""
