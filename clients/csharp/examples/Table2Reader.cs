// Without the native library: waits on the named pipe and reads Table 2, as the seed's consumers do, read-only.
// usage: Table2Reader PIPE SEGMENT FRAMES
//
// PIPE is a consumer's named pipe (the header's text at byte 960 tells the directory), SEGMENT the
// shared-memory object's file. Connecting claims the consumer index, and one byte comes for each frame.
//
// It takes no lease, so the slot may be written while it is read: it copies, and looks whether the slot is still the
// newest. That is Table 2's best effort; a program that must not see a torn frame uses the library.
using System;
using System.IO;
using System.IO.MemoryMappedFiles;
using System.IO.Pipes;

internal static class Table2Reader
{
    private const int FrameHeight = 0, FrameWidth = 4, GrayStep = 8, LatestIndex = 13;
    // framebus's own header: where the gray images begin, and how far apart they are.
    private const int GrayOffset = 512 + 2656 + 32, GrayPitch = GrayOffset + 8;

    private static int Main(string[] arguments)
    {
        var left = int.Parse(arguments[2]);
        // The path alone cannot be opened read-only: the stream says so.
        using (var file = new FileStream(arguments[1], FileMode.Open, FileAccess.Read, FileShare.ReadWrite))
        using (var map = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, true))
        using (var view = map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read))
        using (var pipe = new NamedPipeClientStream(".", arguments[0], PipeDirection.In))
        {
            pipe.Connect(5000);
            // A view's capacity is rounded up to pages: sizes come from the header.
            int height = view.ReadInt32(FrameHeight), width = view.ReadInt32(FrameWidth), step = view.ReadInt32(GrayStep);
            var gray = new byte[step * height];
            while (left-- > 0 && pipe.ReadByte() == 1)
            {
                var slot = view.ReadByte(LatestIndex);
                view.ReadArray(view.ReadInt64(GrayOffset) + slot * view.ReadInt64(GrayPitch), gray, 0, gray.Length);
                ulong sum = 0;
                foreach (var pixel in gray)
                    sum += pixel;
                Console.WriteLine("slot {0} {1}x{2} {3:F1}", slot, width, height, (double)sum / gray.Length);
            }
        }
        return 0;
    }
}
