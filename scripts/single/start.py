"""What the single file starts: the command line, under the file's own name. Processes it spawns import this too."""

import sys

if __name__ == "__main__":
    sys.argv[:] = sys.argv[1:]
    from pumpkin.__main__ import main

    main()
