"""Programs that LiteLLM's own interpreter runs, each in a process of its own.

Two replace the applications of the images, which are in no package; one describes the release. They
import nothing of the suite, because its dependencies are not in LiteLLM's environment.
"""
