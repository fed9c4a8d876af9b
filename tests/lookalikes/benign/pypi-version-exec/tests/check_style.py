import oldstyle

assert oldstyle.__version__
