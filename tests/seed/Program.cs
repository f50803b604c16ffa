// One of the sample's programs in C#, written from docs/layout.md with the names of Linux.
//
// usage: program.exe PREFIX NUMBER FRAMES, which says how many frames it had, each with the pattern's stamp and a larger number.
using System;
using System.IO;
using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading;

static class Program
{
    const int Exclusive = 2, Unlock = 8, Newest = 17, Users = 18;

    [DllImport("libc", SetLastError = true)]
    static extern int flock(int descriptor, int operation);

    static FileStream WhenThere(string path, FileAccess access)
    {
        for (int tries = 0; tries < 6000 && !File.Exists(path); tries++)
            Thread.Sleep(10);
        return new FileStream(path, FileMode.Open, access, FileShare.ReadWrite, 1);
    }

    static int Main(string[] words)
    {
        string prefix = words[0];
        var pipe = WhenThere("/tmp/" + prefix + "pipe" + words[1], FileAccess.Read);
        var memory = MemoryMappedFile.CreateFromFile("/dev/shm/" + prefix + "SharedMemory", FileMode.Open).CreateViewAccessor();
        var mutex = WhenThere("/tmp/" + prefix + "ARMutex.lock", FileAccess.ReadWrite);
        int descriptor = (int)mutex.SafeFileHandle.DangerousGetHandle();
        long gray = memory.ReadInt32(0) * (long)memory.ReadInt32(4);
        int count = memory.ReadByte(16), taken = 0;
        ulong last = 0;
        var stamp = new byte[16];
        while (taken < int.Parse(words[2]) && pipe.ReadByte() >= 0)
        {
            flock(descriptor, Exclusive);
            int newest = memory.ReadByte(Newest);
            memory.Write(Users + newest, (byte)(memory.ReadByte(Users + newest) + 1));
            flock(descriptor, Unlock);
            memory.ReadArray(Users + count + (3 + newest) * gray, stamp, 0, stamp.Length);
            flock(descriptor, Exclusive);
            memory.Write(Users + newest, (byte)(memory.ReadByte(Users + newest) - 1));
            flock(descriptor, Unlock);
            ulong number = BitConverter.ToUInt64(stamp, 8);
            if (Encoding.ASCII.GetString(stamp, 0, 8) != "FRAMEBUS" || number < last)
                return 1;
            last = number;
            taken++;
        }
        Console.WriteLine("{0} frames", taken);
        return 0;
    }
}
