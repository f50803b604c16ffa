// framebus for C++17: RAII over framebus.h, in one header.
//
// A Frame is a view of a slot in shared memory, without a copy; it does not change while the Frame lives. Errors are
// framebus::Error; "no frame yet" and the end of the stream are values. Define FRAMEBUS_OPENCV before including this
// (or include OpenCV before it) for cv::Mat views.
#ifndef FRAMEBUS_HPP
#define FRAMEBUS_HPP

#include <framebus.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#if defined(__has_include) && __cplusplus >= 202002L
#if __has_include(<span>)
#include <span>
#define FRAMEBUS_SPAN 1
#endif
#endif

#if defined(FRAMEBUS_OPENCV)
#include <opencv2/core.hpp>
#endif
#if defined(FRAMEBUS_OPENCV) || defined(OPENCV_CORE_HPP)
#define FRAMEBUS_MAT 1
#endif

namespace framebus {

/// What went wrong, in one sentence, with its code.
class Error : public std::runtime_error {
public:
    Error(framebus_result result, const std::string &what) : std::runtime_error(what), result_(result) {}

    framebus_result result() const noexcept { return result_; }

private:
    framebus_result result_;
};

namespace detail {

/// Throws what is an error, and returns what is a state.
inline framebus_result check(framebus_result result)
{
    if (static_cast<int32_t>(result) < 0)
        throw Error(result, framebus_last_error());
    return result;
}

inline const char *text(const std::string &value) { return value.empty() ? nullptr : value.c_str(); }

} // namespace detail

/// For as long as it takes.
constexpr std::chrono::nanoseconds forever{-1};

/// How a wait ended without a frame.
enum class End {
    /// Not at all: there is a frame, or may be later.
    None,
    /// The time is over.
    TimedOut,
    /// The producer ended; every frame has been taken or skipped.
    Ended,
    /// The producer died.
    Lost,
    /// Somebody called interrupt().
    Interrupted,
};

/// The formats of planes; a test holds them to the library's table.
namespace format {
constexpr std::uint32_t gray = FRAMEBUS_FORMAT_GRAY;
constexpr std::uint32_t gray16 = FRAMEBUS_FORMAT_GRAY16;
constexpr std::uint32_t bgr = FRAMEBUS_FORMAT_BGR;
constexpr std::uint32_t rgb = FRAMEBUS_FORMAT_RGB;
constexpr std::uint32_t nv12 = FRAMEBUS_FORMAT_NV12;
constexpr std::uint32_t i420 = FRAMEBUS_FORMAT_I420;
constexpr std::uint32_t yuyv = FRAMEBUS_FORMAT_YUYV;
constexpr std::uint32_t meta = FRAMEBUS_FORMAT_META;
} // namespace format

namespace detail {

/// What a plane is, whether it is read or written.
template <class Info, class Byte> class PlaneOf {
public:
    explicit PlaneOf(const Info &info) noexcept : info_(info) {}

    /// What it is called: "nv12", or "gray/2" for one of half the width and height.
    std::string name() const { return info_.name; }
    /// One of framebus::format.
    std::uint32_t format() const noexcept { return info_.format; }
    int width() const noexcept { return static_cast<int>(info_.width); }
    int height() const noexcept { return static_cast<int>(info_.height); }
    std::size_t stride() const noexcept { return info_.stride; }
    /// Everything that is known of it.
    const Info &info() const noexcept { return info_; }

    Byte *data() const noexcept { return info_.data; }
    /// Bytes of it.
    std::size_t size() const noexcept { return static_cast<std::size_t>(info_.len); }

#ifdef FRAMEBUS_SPAN
    std::span<Byte> bytes() const noexcept { return {data(), data() ? size() : 0}; }
#endif

#ifdef FRAMEBUS_MAT
    /// The image as OpenCV has it, no copy: gray CV_8UC1, gray16 CV_16UC1, bgr and rgb CV_8UC3, yuyv CV_8UC2, nv12 and i420
    /// CV_8UC1 with half as many rows again, as COLOR_YUV2BGR_NV12 wants them. Metadata are one row.
    cv::Mat mat() const
    {
        const int type = CV_MAKETYPE(info_.sample_bytes == 2 ? CV_16U : CV_8U, static_cast<int>(info_.channels));
        const bool is_meta = info_.format == FRAMEBUS_FORMAT_META;
        const int columns = static_cast<int>(is_meta ? info_.len : info_.width);
        if (!data() || columns == 0)
            return cv::Mat();
        auto *pixels = const_cast<std::uint8_t *>(data());
        return is_meta ? cv::Mat(1, columns, type, pixels) : cv::Mat(static_cast<int>(info_.rows), columns, type, pixels, info_.stride);
    }
#endif

private:
    Info info_;
};

} // namespace detail

/// A plane of a frame, a view without a copy that must not outlive the frame. Read only, its mat() too: the pages are, and
/// writing to them is a fault.
using Plane = detail::PlaneOf<framebus_plane, const std::uint8_t>;
/// A plane of a claimed slot, to write.
using TargetPlane = detail::PlaneOf<framebus_target_plane, std::uint8_t>;

/// A frame under a lease. It gives itself back when it goes; its consumer may go before it.
class Frame {
public:
    Frame(Frame &&) noexcept = default;
    Frame &operator=(Frame &&other) noexcept
    {
        release();
        info_ = other.info_;
        lease_ = std::move(other.lease_);
        return *this;
    }
    Frame(const Frame &) = delete;
    Frame &operator=(const Frame &) = delete;
    ~Frame() { release(); }

    /// Gives it back now: its pixels must not be read any more.
    void release() noexcept
    {
        if (lease_)
            framebus_consumer_release(lease_.get());
        lease_.reset();
    }

    int width() const noexcept { return static_cast<int>(info_.width); }
    int height() const noexcept { return static_cast<int>(info_.height); }
    std::size_t stride() const noexcept { return info_.stride; }
    std::uint64_t sequence() const noexcept { return info_.sequence; }
    /// Everything that is known of it.
    const framebus_frame &info() const noexcept { return info_; }

    /// Every plane of the bus that a frame has an image, or metadata, of.
    std::vector<Plane> planes() const
    {
        std::vector<Plane> planes;
        for (std::uint32_t index = 0; index < info_.plane_count; index++) {
            auto plane = empty_plane();
            detail::check(framebus_consumer_plane(handle(), index, &plane));
            if (!plane.one_for_all)
                planes.emplace_back(plane);
        }
        return planes;
    }

    /// The plane of a format, such as framebus::format::nv12: in the frame's own size where there is one, else the first. An
    /// Error (NO_IMAGE) that says what there is on a bus without it.
    Plane plane(std::uint32_t format) const
    {
        auto plane = empty_plane();
        detail::check(framebus_consumer_find_plane(handle(), format, &plane));
        return Plane(plane);
    }

    /// The plane of a name: "nv12" in the frame's own size, "gray/2" in half of its width and height, "meta".
    Plane plane(const std::string &name) const
    {
        auto plane = empty_plane();
        detail::check(framebus_consumer_named_plane(handle(), name.c_str(), &plane));
        return Plane(plane);
    }

    /// What its producer says of it; empty on a bus without metadata.
    std::string_view metadata() const noexcept
    {
        return {reinterpret_cast<const char *>(info_.metadata), info_.metadata ? info_.metadata_len : 0u};
    }

    bool has_gray() const noexcept { return info_.gray != nullptr; }
    /// The gray image; null on a bus without gray.
    const std::uint8_t *data() const noexcept { return info_.gray; }
    /// Bytes of the gray image.
    std::size_t size() const noexcept { return std::size_t{info_.stride} * info_.height; }
    bool has_bgr() const noexcept { return info_.bgr != nullptr; }

#ifdef FRAMEBUS_SPAN
    std::span<const std::uint8_t> gray() const noexcept { return {info_.gray, size()}; }
    std::span<const std::uint8_t> bgr() const noexcept
    {
        return {info_.bgr, std::size_t{info_.bgr_stride} * info_.height};
    }
#endif

#ifdef FRAMEBUS_MAT
    /// The gray image as a header over shared memory, no copy; empty on a bus without gray. Read only: the pages are, and writing
    /// to them is a fault. It must not outlive the frame; clone() what is kept.
    const cv::Mat mat() const
    {
        return has_gray() ? cv::Mat(height(), width(), CV_8UC1, const_cast<std::uint8_t *>(info_.gray), info_.stride)
                          : cv::Mat();
    }

    /// The BGR image in the same way; empty on a bus without colour.
    const cv::Mat bgr_mat() const
    {
        return has_bgr() ? cv::Mat(height(), width(), CV_8UC3, const_cast<std::uint8_t *>(info_.bgr), info_.bgr_stride)
                         : cv::Mat();
    }
#endif

private:
    friend class Consumer;
    Frame(const framebus_frame &info, std::shared_ptr<framebus_consumer> lease) : info_(info), lease_(std::move(lease)) {}

    static framebus_plane empty_plane() noexcept
    {
        framebus_plane plane{};
        plane.size = sizeof plane;
        return plane;
    }

    const framebus_consumer *handle() const
    {
        if (!lease_)
            throw Error(FRAMEBUS_RESULT_NOT_CLAIMED, "the frame was released");
        return lease_.get();
    }

    framebus_frame info_;
    std::shared_ptr<framebus_consumer> lease_;
};

/// What a consumer wants.
struct ConsumerOptions {
    /// Empty: $FRAMEBUS_BUS, else cam0.
    std::string bus;
    /// Unset: the first that is free.
    std::optional<unsigned> index;
    /// What observers call it.
    std::string name;
    framebus_trigger trigger = FRAMEBUS_TRIGGER_DEFAULT;
    /// Every frame in order, as far as the bus keeps them, instead of the newest.
    bool every_frame = false;
    /// How long to wait for the bus.
    std::chrono::nanoseconds timeout{0};
    /// Go on from this sequence of an earlier consumer.
    std::uint64_t resume_from = 0;
    /// The planes without which it is of no use, such as "gray,nv12": an Error (NO_IMAGE) on a bus that has them not.
    std::string needs{};
};

/// Takes frames from a bus.
class Consumer {
public:
    explicit Consumer(const ConsumerOptions &options = {})
    {
        framebus_consumer_options wanted{};
        wanted.size = sizeof wanted;
        // The largest is out of range too, and must not become the 0 that asks for any.
        wanted.index_plus_1 = options.index ? std::max(*options.index, *options.index + 1) : 0;
        wanted.bus = detail::text(options.bus);
        wanted.name = detail::text(options.name);
        wanted.language = "cpp";
        wanted.trigger = options.trigger;
        wanted.every_frame = options.every_frame;
        wanted.timeout_ns = options.timeout.count();
        wanted.resume_from = options.resume_from;
        wanted.needs = detail::text(options.needs);
        framebus_consumer *handle = nullptr;
        detail::check(framebus_consumer_open(&wanted, &handle));
        handle_.reset(handle, framebus_consumer_close);
    }

    /// Waits for the next frame and takes it; none when the time is over or the stream ended, which end() tells.
    /// The frame before must be gone: it is an error (HELD) otherwise.
    std::optional<Frame> next(std::chrono::nanoseconds timeout = forever)
    {
        using clock = std::chrono::steady_clock;
        const auto begun = clock::now();
        // A frame that is still there is an error at once, and not after a wait for one that cannot be taken.
        if (handle_.use_count() > 1)
            if (auto frame = acquire())
                return frame;
        for (;;) {
            auto left = timeout;
            if (timeout >= timeout.zero())
                left = std::max(timeout.zero(), std::chrono::nanoseconds(timeout - (clock::now() - begun)));
            switch (detail::check(framebus_consumer_wait(handle_.get(), left.count()))) {
            case FRAMEBUS_RESULT_TIMED_OUT: end_ = End::TimedOut; return std::nullopt;
            case FRAMEBUS_RESULT_ENDED: end_ = End::Ended; return std::nullopt;
            case FRAMEBUS_RESULT_LOST: end_ = End::Lost; return std::nullopt;
            case FRAMEBUS_RESULT_INTERRUPTED: end_ = End::Interrupted; return std::nullopt;
            default: break;
            }
            if (auto frame = acquire())
                return frame;
        }
    }

    /// Takes a frame without waiting.
    std::optional<Frame> acquire()
    {
        framebus_frame info{};
        info.size = sizeof info;
        end_ = End::None;
        if (detail::check(framebus_consumer_acquire(handle_.get(), &info)) != FRAMEBUS_RESULT_OK)
            return std::nullopt;
        return Frame(info, handle_);
    }

    /// Why the last next() had no frame.
    End end() const noexcept { return end_; }

    framebus_stream stream() const
    {
        framebus_stream stream{};
        stream.size = sizeof stream;
        detail::check(framebus_consumer_stream(handle_.get(), &stream));
        return stream;
    }

    framebus_consumer_stats stats() const
    {
        framebus_consumer_stats stats{};
        stats.size = sizeof stats;
        detail::check(framebus_consumer_get_stats(handle_.get(), &stats));
        return stats;
    }

    /// For an event loop: readable when next() would return at once. Take frames until there is none before waiting for it again.
    int fd() const noexcept { return framebus_consumer_fd(handle_.get()); }

    /// Ends the next() that is under way, or the next one; from any thread, or a signal handler.
    void interrupt() const noexcept { framebus_consumer_interrupt(handle_.get()); }

private:
    std::shared_ptr<framebus_consumer> handle_;
    End end_ = End::None;
};

/// What a bus is to be.
struct ProducerOptions {
    /// Empty: $FRAMEBUS_BUS, else cam0.
    std::string bus;
    unsigned width = 0;
    unsigned height = 0;
    unsigned consumers = 4;
    unsigned history = 0;
    bool color = false;
    bool limited_range = false;
    double nominal_fps = 0;
    /// Mode bits: who else may use the bus.
    unsigned mode = 0600;
    /// What is captured, as a person calls it.
    std::string source;
    /// The images of each frame, such as "gray,bgr", "nv12", "gray,gray/4,meta". Empty: gray, and BGR with color.
    std::string planes{};
};

/// A bus with its producer, which is this process; ends the stream when it goes.
class Producer {
public:
    /// A slot to write. It gives the slot back when it goes without publish(); it must not outlive its producer.
    class Claim {
    public:
        Claim(Claim &&other) noexcept
            : target_(other.target_), producer_(std::exchange(other.producer_, nullptr)),
              metadata_(std::move(other.metadata_))
        {
        }
        Claim(const Claim &) = delete;
        Claim &operator=(const Claim &) = delete;
        Claim &operator=(Claim &&) = delete;
        ~Claim()
        {
            if (producer_)
                framebus_producer_abandon(producer_);
        }

        int width() const noexcept { return static_cast<int>(target_.width); }
        int height() const noexcept { return static_cast<int>(target_.height); }
        /// Every plane of the bus; who publishes has written each, or calls fill_rest().
        std::vector<TargetPlane> planes() const
        {
            std::vector<TargetPlane> planes;
            for (std::uint32_t index = 0; index < target_.plane_count; index++) {
                auto plane = empty_plane();
                detail::check(framebus_producer_plane(handle(), index, &plane));
                planes.emplace_back(plane);
            }
            return planes;
        }

        /// The plane of a format, such as framebus::format::nv12, to write; an Error (NO_IMAGE) on a bus without it.
        TargetPlane plane(std::uint32_t format) const
        {
            auto plane = empty_plane();
            detail::check(framebus_producer_find_plane(handle(), format, &plane));
            return TargetPlane(plane);
        }

        /// The plane of a name: "nv12", or "gray/2" for one of half the width and height.
        TargetPlane plane(const std::string &name) const
        {
            auto plane = empty_plane();
            detail::check(framebus_producer_named_plane(handle(), name.c_str(), &plane));
            return TargetPlane(plane);
        }

        /// Makes all other images from those that are written; an Error (NO_IMAGE) where that cannot be.
        void fill_rest(const std::vector<TargetPlane> &written)
        {
            std::vector<std::uint32_t> numbers;
            for (const auto &plane : written)
                numbers.push_back(plane.info().index);
            detail::check(framebus_producer_fill_rest(handle(), numbers.data(), numbers.size()));
        }

        /// What publish() says of the frame, as bytes that mean something to whoever reads them: on a bus with the plane meta.
        void set_metadata(std::string metadata) { metadata_ = std::move(metadata); }

        /// The gray image; null on a bus without gray.
        std::uint8_t *gray() const noexcept { return target_.gray; }
        /// The BGR image; null on a bus without colour.
        std::uint8_t *bgr() const noexcept { return target_.bgr; }

#ifdef FRAMEBUS_MAT
        /// The gray image to write into, no copy.
        cv::Mat mat() const
        {
            return target_.gray ? cv::Mat(height(), width(), CV_8UC1, target_.gray, target_.stride) : cv::Mat();
        }
        /// The BGR image; empty on a bus without colour.
        cv::Mat bgr_mat() const
        {
            return target_.bgr ? cv::Mat(height(), width(), CV_8UC3, target_.bgr, target_.bgr_stride) : cv::Mat();
        }
#endif

        /// Publishes the frame; its images must not be written any more. Returns its sequence. A frame that has a number
        /// elsewhere keeps it with sequence (above the last one) and origin (whose number that is).
        std::uint64_t publish(std::uint64_t source_frame = 0, std::uint64_t capture_ns = 0, std::uint64_t wall_ns = 0,
                              std::uint64_t sequence = 0, std::uint64_t origin = 0)
        {
            framebus_meta meta{};
            meta.size = sizeof meta;
            meta.capture_ns = capture_ns;
            meta.wall_ns = wall_ns;
            meta.source_frame = source_frame;
            meta.sequence = sequence;
            meta.origin = origin;
            meta.metadata = metadata_.empty() ? nullptr : reinterpret_cast<const std::uint8_t *>(metadata_.data());
            meta.metadata_len = metadata_.size();
            std::uint64_t published = 0;
            detail::check(framebus_producer_publish(handle(), &meta, &published));
            producer_ = nullptr;
            return published;
        }

    private:
        friend class Producer;
        Claim(const framebus_target &target, framebus_producer *producer) : target_(target), producer_(producer) {}

        static framebus_target_plane empty_plane() noexcept
        {
            framebus_target_plane plane{};
            plane.size = sizeof plane;
            return plane;
        }

        framebus_producer *handle() const
        {
            if (!producer_)
                throw Error(FRAMEBUS_RESULT_NOT_CLAIMED, "no slot is claimed");
            return producer_;
        }

        framebus_target target_;
        framebus_producer *producer_;
        std::string metadata_;
    };

    explicit Producer(const ProducerOptions &options)
    {
        framebus_producer_options wanted{};
        wanted.size = sizeof wanted;
        wanted.bus = detail::text(options.bus);
        wanted.width = options.width;
        wanted.height = options.height;
        wanted.consumers = options.consumers;
        wanted.history = options.history;
        wanted.color = options.color;
        wanted.limited_range = options.limited_range;
        wanted.nominal_fps = options.nominal_fps;
        wanted.mode = options.mode;
        wanted.source = detail::text(options.source);
        wanted.planes = detail::text(options.planes);
        framebus_producer *handle = nullptr;
        detail::check(framebus_producer_create(&wanted, &handle));
        handle_.reset(handle);
    }

    /// Claims a slot; never waits. None when every slot is leased: the frame is lost, and counted.
    std::optional<Claim> claim()
    {
        framebus_target target{};
        target.size = sizeof target;
        if (detail::check(framebus_producer_claim(handle_.get(), &target)) != FRAMEBUS_RESULT_OK)
            return std::nullopt;
        return Claim(target, handle_.get());
    }

    framebus_producer_stats stats() const
    {
        framebus_producer_stats stats{};
        stats.size = sizeof stats;
        detail::check(framebus_producer_get_stats(handle_.get(), &stats));
        return stats;
    }

private:
    struct Close {
        void operator()(framebus_producer *handle) const noexcept { framebus_producer_close(handle); }
    };
    std::unique_ptr<framebus_producer, Close> handle_;
};

/// Sees a bus from outside: no index, no lease.
class Observer {
public:
    explicit Observer(const std::string &bus = {})
    {
        framebus_observer *handle = nullptr;
        detail::check(framebus_observer_open(detail::text(bus), &handle));
        handle_.reset(handle);
    }

    /// One moment of the bus as JSON, as `framebus top --once --json` prints it.
    std::string snapshot()
    {
        const char *json = nullptr;
        detail::check(framebus_observer_snapshot(handle_.get(), &json));
        return json;
    }

private:
    struct Close {
        void operator()(framebus_observer *handle) const noexcept { framebus_observer_close(handle); }
    };
    std::unique_ptr<framebus_observer, Close> handle_;
};

} // namespace framebus

#endif
