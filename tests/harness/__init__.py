"""The machinery: it plans the stacks and shows the plans as typed views. It never asserts."""
