using System;

namespace Framebus
{
    /// <summary>How a call ended: below 0 an error, above 0 a state.</summary>
    public enum Result
    {
        /// <summary>There is a frame, or it did what it should.</summary>
        Ok = 0,
        /// <summary>The time is over.</summary>
        TimedOut = 1,
        /// <summary>Frames have another size now.</summary>
        Renewed = 2,
        /// <summary>The producer ended; every frame has been taken or skipped.</summary>
        Ended = 3,
        /// <summary>The producer died.</summary>
        Lost = 4,
        /// <summary>A wait was cancelled.</summary>
        Interrupted = 5,
        /// <summary>There is no frame that has not been taken yet.</summary>
        NoFrame = 6,
        /// <summary>Every slot is leased.</summary>
        Starved = 7,
        /// <summary>An argument makes no sense.</summary>
        InvalidArgument = -1,
        /// <summary>There is no such bus.</summary>
        NoBus = -2,
        /// <summary>The bus is there, its producer is gone.</summary>
        NoProducer = -3,
        /// <summary>The producer does not answer.</summary>
        Silent = -4,
        /// <summary>Somebody else has the consumer index.</summary>
        InUse = -5,
        /// <summary>Every consumer index is taken.</summary>
        AllInUse = -6,
        /// <summary>There is no such consumer index.</summary>
        OutOfRange = -7,
        /// <summary>The segment has another major layout version.</summary>
        Version = -8,
        /// <summary>The segment is damaged, or not framebus's.</summary>
        Malformed = -9,
        /// <summary>The segment's owner is not its producer.</summary>
        Untrusted = -10,
        /// <summary>This user may not.</summary>
        Denied = -11,
        /// <summary>The frame taken before is still held.</summary>
        Held = -12,
        /// <summary>Nothing is claimed, or no frame is held.</summary>
        NotClaimed = -13,
        /// <summary>The bus has a producer already.</summary>
        HasProducer = -14,
        /// <summary>The bus is another user's.</summary>
        Foreign = -15,
        /// <summary>Consumers and history need more slots than there can be.</summary>
        TooManySlots = -16,
        /// <summary>Shared memory is full.</summary>
        Full = -17,
        /// <summary>The image was overwritten while it was copied: try again.</summary>
        Torn = -18,
        /// <summary>The bus has no such plane; the message says which it has.</summary>
        NoImage = -19,
        /// <summary>The buffer is too small.</summary>
        BufferTooSmall = -20,
        /// <summary>The image is not a whole frame of the test pattern.</summary>
        NotWhole = -21,
        /// <summary>The system says no.</summary>
        System = -22,
        /// <summary>An error in framebus itself; the handle may still be closed.</summary>
        Internal = -23,
        /// <summary>The file of the segment was made shorter by somebody.</summary>
        CutShort = -24,
        /// <summary>The handle belongs to the process that this one was forked from.</summary>
        OtherProcess = -25,
    }

    /// <summary>What framebus says no to, in one sentence.</summary>
    public class FramebusException : Exception
    {
        internal FramebusException(Result result, string message) : base(message)
        {
            Result = result;
        }

        internal static FramebusException Of(Result result, string message)
        {
            switch (result)
            {
                case Result.Held:
                    return new FrameHeldException(message);
                case Result.NoImage:
                    return new NoPlaneException(message);
                default:
                    return new FramebusException(result, message);
            }
        }

        /// <summary>Its code.</summary>
        public Result Result { get; private set; }
    }

    /// <summary>The bus has no such plane; the message says which it has.</summary>
    public sealed class NoPlaneException : FramebusException
    {
        internal NoPlaneException(string message) : base(Result.NoImage, message)
        {
        }
    }

    /// <summary>The frame taken before has not been disposed: a consumer takes one at a time.</summary>
    public sealed class FrameHeldException : FramebusException
    {
        internal FrameHeldException(string message) : base(Result.Held, message)
        {
        }
    }
}
