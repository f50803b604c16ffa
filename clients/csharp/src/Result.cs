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
        /// <summary>The frame taken before is still held.</summary>
        Held = -12,
        /// <summary>Nothing is claimed.</summary>
        NotClaimed = -13,
        /// <summary>The bus has a producer already.</summary>
        HasProducer = -14,
        /// <summary>Shared memory is full.</summary>
        Full = -17,
    }

    /// <summary>What framebus says no to, in one sentence.</summary>
    public sealed class FramebusException : Exception
    {
        internal FramebusException(Result result, string message) : base(message)
        {
            Result = result;
        }

        /// <summary>Its code; one that is not in the enumeration is rarer, and the message says what it is.</summary>
        public Result Result { get; private set; }
    }
}
