// Makes a netstandard2.0 library of one that mcs has compiled against mono's assemblies: every type is asked of
// netstandard.dll, and spans of System.Memory.dll, as the compiler of the .NET SDK would have it.
// usage: Retarget FROM.dll TO.dll
using System;
using System.Linq;
using Mono.Cecil;

internal static class Retarget
{
    private static readonly string[] Spans = { "System.Span`1", "System.ReadOnlySpan`1", "System.Memory`1", "System.ReadOnlyMemory`1" };

    private static AssemblyNameReference Reference(string name, string version)
    {
        // The key of all that .NET Standard has.
        var token = new byte[] { 0xcc, 0x7b, 0x13, 0xff, 0xcd, 0x2d, 0xdd, 0x51 };
        return new AssemblyNameReference(name, new Version(version)) { PublicKeyToken = token };
    }

    private static int Main(string[] arguments)
    {
        if (arguments.Length != 2)
        {
            Console.Error.WriteLine("usage: Retarget FROM.dll TO.dll");
            return 2;
        }
        using (var module = ModuleDefinition.ReadModule(arguments[0]))
        {
            var standard = Reference("netstandard", "2.0.0.0");
            var memory = Reference("System.Memory", "4.0.1.1");
            var types = module.GetTypeReferences().Where(type => type.DeclaringType == null).ToList();
            foreach (var type in types)
                type.Scope = Spans.Contains(type.FullName) ? memory : standard;
            module.AssemblyReferences.Clear();
            module.AssemblyReferences.Add(standard);
            if (types.Any(type => type.Scope == memory))
                module.AssemblyReferences.Add(memory);
            // Whoever reads the file, such as an editor, sees what it is for.
            var framework = new TypeReference("System.Runtime.Versioning", "TargetFrameworkAttribute", module, standard);
            var constructor = new MethodReference(".ctor", module.TypeSystem.Void, framework) { HasThis = true };
            constructor.Parameters.Add(new ParameterDefinition(module.TypeSystem.String));
            var attribute = new CustomAttribute(constructor);
            attribute.ConstructorArguments.Add(new CustomAttributeArgument(module.TypeSystem.String, ".NETStandard,Version=v2.0"));
            module.Assembly.CustomAttributes.Add(attribute);
            module.Write(arguments[1], new WriterParameters { DeterministicMvid = true });
        }
        return 0;
    }
}
