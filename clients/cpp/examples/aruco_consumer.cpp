// The seed's consumers: finds ArUco markers in a shared camera's frames. Process 0 looks for 6x6_250 markers, process 1 for
// 4x4_250 markers, each at its own rate.
// usage: aruco_consumer INDEX [BUS [FRAMES]]
// build: c++ -std=c++17 aruco_consumer.cpp $(pkg-config --cflags --libs framebus opencv4) -o aruco_consumer
#define FRAMEBUS_OPENCV
#include <framebus.hpp>
#include <opencv2/core/version.hpp>

#include <cstdio>
#include <cstdlib>
#include <vector>

// ArUco moved from contrib into objdetect in OpenCV 4.7, with another API.
#if CV_VERSION_MAJOR > 4 || (CV_VERSION_MAJOR == 4 && CV_VERSION_MINOR >= 7)
#include <opencv2/objdetect/aruco_detector.hpp>
#define ARUCO_IN_OBJDETECT 1
#else
#include <opencv2/aruco.hpp>
#endif

namespace {

class Detector {
public:
    explicit Detector(unsigned index)
#ifdef ARUCO_IN_OBJDETECT
        : detector_(cv::aruco::getPredefinedDictionary(dictionary(index)), tuned(cv::aruco::DetectorParameters()))
#else
        : dictionary_(cv::aruco::getPredefinedDictionary(dictionary(index))),
          parameters_(cv::aruco::DetectorParameters::create())
#endif
    {
#ifndef ARUCO_IN_OBJDETECT
        *parameters_ = tuned(*parameters_);
#endif
    }

    std::vector<int> detect(const cv::Mat &gray)
    {
        std::vector<int> ids;
        std::vector<std::vector<cv::Point2f>> corners;
#ifdef ARUCO_IN_OBJDETECT
        detector_.detectMarkers(gray, corners, ids);
#else
        cv::aruco::detectMarkers(gray, dictionary_, corners, ids, parameters_);
#endif
        return ids;
    }

private:
    static auto dictionary(unsigned index) -> decltype(cv::aruco::DICT_4X4_250)
    {
        return index == 0 ? cv::aruco::DICT_6X6_250 : cv::aruco::DICT_4X4_250;
    }

    static cv::aruco::DetectorParameters tuned(cv::aruco::DetectorParameters parameters)
    {
        parameters.cornerRefinementMethod = cv::aruco::CORNER_REFINE_SUBPIX;
        return parameters;
    }

#ifdef ARUCO_IN_OBJDETECT
    cv::aruco::ArucoDetector detector_;
#else
    cv::Ptr<cv::aruco::Dictionary> dictionary_;
    cv::Ptr<cv::aruco::DetectorParameters> parameters_;
#endif
};

} // namespace

int main(int argc, char **argv)
try {
    const unsigned index = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 0;
    long frames = argc > 3 ? std::atol(argv[3]) : -1;

    framebus::ConsumerOptions options;
    options.bus = argc > 2 ? argv[2] : "";
    options.index = index;
    options.name = index == 0 ? "aruco 6x6" : "aruco 4x4";
    options.timeout = std::chrono::seconds(10);
    options.needs = "gray";
    framebus::Consumer consumer(options);
    Detector detector(index);
    while (frames-- != 0) {
        auto frame = consumer.next();
        if (!frame)
            break;
        std::printf("%llu:", static_cast<unsigned long long>(frame->sequence()));
        for (int id : detector.detect(frame->mat()))
            std::printf(" %d", id);
        std::printf("\n");
    }
    return consumer.end() == framebus::End::Lost;
} catch (const framebus::Error &error) {
    std::fprintf(stderr, "aruco_consumer: %s\n", error.what());
    return 1;
}
