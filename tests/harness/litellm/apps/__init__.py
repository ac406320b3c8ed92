"""Applications that are run by LiteLLM's own interpreter, each in a process of its own.

They stand for what the images hold and no package does. They import nothing of this suite, for its
dependencies are not in LiteLLM's environment.
"""
