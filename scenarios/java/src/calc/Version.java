package calc;

import java.util.Locale;

/** Says which build of the program this is. */
final class Version {
    /**
     * Names the build. An incremental sample of the race changes it, as a developer's edit would
     * change a line.
     */
    static final String BUILD = "dev";

    private Version() {}

    static String describe() {
        return "calc " + BUILD + " " + system() + "/" + architecture();
    }

    private static String system() {
        return System.getProperty("os.name").toLowerCase(Locale.ROOT);
    }

    /** The architecture by Docker's name, where Java has another. */
    private static String architecture() {
        String name = System.getProperty("os.arch");
        return switch (name) {
            case "aarch64" -> "arm64";
            case "i386" -> "386";
            default -> name;
        };
    }
}
