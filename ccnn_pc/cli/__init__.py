"""The command line: ``ccnn-pc train | evaluate | predict | plot | models | doctor``, one file per command."""
