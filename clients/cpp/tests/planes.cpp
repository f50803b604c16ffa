// Planes as OpenCV's images: what it converts from a plane is what it converted to it. Exits with the number of what does not
// hold.
#define FRAMEBUS_OPENCV
#include <framebus.hpp>

#include <cstdio>
#include <opencv2/imgproc.hpp>

static int failures;

#define HOLDS(claim) ((claim) ? (void)0 : (void)(failures++, std::fprintf(stderr, "line %d: %s\n", __LINE__, #claim)))

static bool same(const cv::Mat &a, const cv::Mat &b)
{
    return a.type() == b.type() && a.size() == b.size() && cv::norm(a, b, cv::NORM_INF) == 0;
}

// usage: FRAMEBUS_BUS=… planes
int main()
{
    framebus::ProducerOptions made;
    made.width = 64;
    made.height = 48;
    made.planes = "bgr,rgb,i420,nv12,yuyv,gray,gray16,meta";
    framebus::Producer producer(made);
    framebus::Consumer consumer;
    cv::Mat image(48, 64, CV_8UC3), expected;
    for (int y = 0; y < image.rows; y++)
        for (int x = 0; x < image.cols; x++)
            image.at<cv::Vec3b>(y, x) = cv::Vec3b(4 * x & 255, 5 * y & 255, (x + y) & 255);
    auto claim = producer.claim();
    const auto bgr = claim->plane("bgr");
    image.copyTo(bgr.mat());
    claim->fill_rest({bgr});
    claim->set_metadata("{}");
    claim->publish();

    auto frame = consumer.next();
    HOLDS(same(frame->bgr_mat(), image) && same(frame->plane("bgr").mat(), image));
    HOLDS(frame->plane("bgr").mat().data == frame->info().bgr);
    cv::cvtColor(image, expected, cv::COLOR_BGR2RGB);
    HOLDS(same(frame->plane(framebus::format::rgb).mat(), expected));
    cv::cvtColor(image, expected, cv::COLOR_BGR2YUV_I420);
    HOLDS(same(frame->plane("i420").mat(), expected));
    cv::cvtColor(image, expected, cv::COLOR_BGR2GRAY);
    HOLDS(same(frame->mat(), expected) && same(frame->plane("gray").mat(), expected));
    expected.convertTo(expected, CV_16U, 257);
    HOLDS(same(frame->plane("gray16").mat(), expected));
    // OpenCV takes them for what they are.
    const auto nv12 = frame->plane("nv12").mat(), yuyv = frame->plane("yuyv").mat();
    HOLDS(nv12.type() == CV_8UC1 && nv12.rows == 72 && yuyv.type() == CV_8UC2 && yuyv.rows == 48);
    cv::Mat of_nv12, of_i420, of_yuyv;
    cv::cvtColor(frame->plane("i420").mat(), of_i420, cv::COLOR_YUV2BGR_I420);
    cv::cvtColor(nv12, of_nv12, cv::COLOR_YUV2BGR_NV12);
    cv::cvtColor(yuyv, of_yuyv, cv::COLOR_YUV2BGR_YUY2);
    HOLDS(same(of_nv12, of_i420) && of_yuyv.size() == image.size());
    const auto meta = frame->plane("meta").mat();
    HOLDS(meta.rows == 1 && meta.cols == 2 && meta.data[0] == '{');
    return failures;
}
