package calc;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;

/** Calculates its arguments, or each line of what it is given to read. */
public final class Main {
    private static final String USAGE =
            """
            usage: calc [--version | EXPRESSION]

            Without an expression, calculates each line of the standard input.
            """;

    private Main() {}

    public static void main(String[] args) throws IOException {
        if (args.length == 0) {
            calculateLines();
        } else if (args.length == 1 && args[0].equals("--version")) {
            System.out.println(Version.describe());
        } else if (args.length == 1 && args[0].equals("--help")) {
            System.out.print(USAGE);
        } else if (!calculate(String.join(" ", args))) {
            System.exit(1);
        }
    }

    private static void calculateLines() throws IOException {
        var lines = new BufferedReader(new InputStreamReader(System.in));
        boolean good = true;
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            good &= line.isBlank() || calculate(line);
        }
        if (!good) {
            System.exit(1);
        }
    }

    private static boolean calculate(String text) {
        try {
            System.out.println(Parser.parse(text).value());
            return true;
        } catch (SyntaxException | ArithmeticException error) {
            System.err.println("calc: " + error.getMessage());
            return false;
        }
    }
}
