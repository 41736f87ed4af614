package calc;

/** Says what is wrong with an expression, and where. */
final class SyntaxException extends Exception {
    private static final long serialVersionUID = 1;

    SyntaxException(String message, int position) {
        super(message + " at " + (position + 1));
    }
}
