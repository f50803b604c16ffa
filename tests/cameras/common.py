"""What the checks of cameras have in common: the command, the driver's controls, and waiting."""

import json
import os
import subprocess
import sys
import time

FRAMEBUS = sys.argv[1]
SINGLE, MULTI = "/dev/video0", "/dev/video1"  # the second one is found
failed = []
started = []
plugged = []


def start(*arguments, **options):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    process = subprocess.Popen([FRAMEBUS, *map(str, arguments)], **options)
    started.append(process)
    return process


def run(*arguments, **options):
    process = start(*arguments, **options)
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


def produce(device, bus, *arguments):
    return start("produce", device, "--bus", bus, *arguments)


def v4l2(device, *arguments):
    command = ["v4l2-ctl", "-d", device, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def control(name, value, device=SINGLE):
    v4l2(device, "-c", f"{name}={value}")


def top(bus):
    return json.loads(run("top", "--bus", bus, "--once", "--json")[1])


def until(what, true, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if true():
                return
        except TypeError:
            pass  # of a bus that is not there yet, nothing is known
        time.sleep(0.1)
    raise AssertionError(f"not in {seconds} s: {what}")


def stop(process):
    process.terminate()
    output, errors = process.communicate(timeout=30)
    assert process.returncode in (0, 143), f"ended with {process.returncode}: {errors}"
    return errors


def check(name, test):
    began = time.monotonic()
    try:
        said = test() or ""
        print(f"ok {name} ({time.monotonic() - began:.1f} s) {said}", flush=True)
    except Exception as error:  # whatever it is, the others are still to be told
        failed.append(name)
        print(f"FAILED {name}: {type(error).__name__} {error}", flush=True)
        for process in started:
            process.terminate()
            _, errors = process.communicate(timeout=30)
            print(f"  {' '.join(process.args[1:])}: {process.returncode} {errors}", flush=True)
    # What a check has left has a camera that the next one wants.
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()
    started.clear()
    for camera in plugged:
        camera.unplug()
    plugged.clear()
