#!/usr/bin/env python3
"""The main job of deploy/quickstart as a test: mneme-demo stores real images in a fresh daemon and must recall them.

Environment: TEST_BIN, the folder of the programs; TEST_IMAGES, the file of images; TEST_IMAGE_COUNT, how many.
Skips (exit code 77) where the images are absent: tests/run fetches them.
"""

import os
import subprocess
import sys
import tempfile

import daemon

SKIPPED = 77


def main():
    images, count = os.environ["TEST_IMAGES"], os.environ["TEST_IMAGE_COUNT"]
    if not os.path.exists(images):
        print(f"skipped: {images} is not there; tests/run (or tests/tools/fetch-images) makes it")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="mneme-main-job-") as folder:
        server = daemon.Daemon(folder).start()
        try:
            job = subprocess.run([daemon.program("mneme-demo"), "--server", server.address, "--images", images,
                                  "--count", count, "--check"], check=False)
            code = server.stop()
        finally:
            if server.is_running():
                server.kill()
        if job.returncode != 0 or code != 0:
            print(f"mneme-demo ended with {job.returncode}, mnemed with {code}; the daemon's log:\n{server.log()}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
