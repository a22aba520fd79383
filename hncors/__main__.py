"""python -m hncors"""

from hncors.cli import main

if __name__ == "__main__":
    main()
