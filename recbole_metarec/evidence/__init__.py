"""What data say without gradient descent: to fit, to join to scores, to weigh, to keep."""
