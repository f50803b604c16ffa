"""What a camera has to go through, in the lab: devices of the driver vivid, and a USB camera of uvc.py.

usage: guest.py FRAMEBUS [WORD…]; prints a line a check, and ends with 1 when one has failed. With words, only the checks that
have one of them in their name.
"""

import json
import os
import sys

import common
import formats
import trouble
import usb
import usual

CHECKS = (
    usual.a_size_that_a_camera_does_not_have_is_said,
    usual.controls_are_set_and_read,
    usual.count_and_rate_are_the_drivers,
    usual.what_the_driver_drops_is_counted_to_the_frame,
    usual.what_the_driver_says_comes_with_its_frame,
    usual.two_cameras_with_three_consumers_each,
    usual.a_second_opener_is_told_who_has_it,
    usual.an_unprivileged_user_is_told_the_group,
    usual.what_is_no_camera_is_told_from_one_that_is_busy,
    usb.a_usb_camera_sends_motion_jpeg_and_comes_back_under_another_number,
    trouble.buttons,
    trouble.a_cable_that_is_pulled_is_no_picture,
    trouble.a_source_of_another_size_is_a_new_generation,
    trouble.a_producer_that_was_stopped_goes_on,
    trouble.what_is_unplugged_comes_back_under_another_number,
)


def main():
    os.environ["FRAMEBUS_RUNTIME_DIR"] = "/tmp/framebus"
    os.mkdir("/tmp/framebus", 0o700)
    os.mkdir("/tmp/nobody", 0o777)
    listed = json.loads(common.run("cameras", "--json")[1])["cameras"]
    common.MULTI = next(camera["device"] for camera in listed if "NM12" in [one["fourcc"] for one in camera["formats"]])
    assert [camera["device"] for camera in listed] == [common.SINGLE, common.MULTI], listed
    for device in (common.SINGLE, common.MULTI):
        common.control("osd_text_mode", 2, device)
    all_checks = [("single-planar formats", formats.of(common.SINGLE, 50))]
    all_checks.append(("multi-planar formats", formats.of(common.MULTI, 11, formats.MULTI_PLANAR)))
    all_checks += [(test.__name__.replace("_", " "), test) for test in CHECKS]
    for name, test in all_checks:
        if len(sys.argv) < 3 or any(word in name for word in sys.argv[2:]):
            common.check(name, test)
    print(f"{len(common.failed)} failed", flush=True)
    return 1 if common.failed else 0


sys.exit(main())
