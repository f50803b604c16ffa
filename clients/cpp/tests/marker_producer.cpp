// Publishes a picture with one 6x6_250 marker (number 23) and one 4x4_250 marker (number 42), until it is killed.
// usage: marker_producer BUS
#define FRAMEBUS_OPENCV
#include <framebus.hpp>
#include <opencv2/core/version.hpp>

#if CV_VERSION_MAJOR > 4 || (CV_VERSION_MAJOR == 4 && CV_VERSION_MINOR >= 7)
#include <opencv2/objdetect/aruco_detector.hpp>
#define DRAW_MARKER(dictionary, id, image) cv::aruco::generateImageMarker(dictionary, id, 120, image, 1)
#else
#include <opencv2/aruco.hpp>
#define DRAW_MARKER(dictionary, id, image) (dictionary)->drawMarker(id, 120, image, 1)
#endif

#include <chrono>
#include <thread>

int main(int, char **argv)
{
    framebus::ProducerOptions options;
    options.bus = argv[1];
    options.width = 640;
    options.height = 480;
    options.source = "markers";
    framebus::Producer producer(options);
    cv::Mat large, small;
    DRAW_MARKER(cv::aruco::getPredefinedDictionary(cv::aruco::DICT_6X6_250), 23, large);
    DRAW_MARKER(cv::aruco::getPredefinedDictionary(cv::aruco::DICT_4X4_250), 42, small);
    for (;;) {
        if (auto claim = producer.claim()) {
            cv::Mat gray = claim->mat();
            gray.setTo(255);
            large.copyTo(gray(cv::Rect(60, 100, 120, 120)));
            small.copyTo(gray(cv::Rect(380, 220, 120, 120)));
            claim->publish();
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}
