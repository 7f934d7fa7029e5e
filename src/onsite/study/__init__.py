"""The learner's side: JupyterLab, the start page, magics, progress, handing in."""
