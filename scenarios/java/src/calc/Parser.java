package calc;

/** Parses expressions by recursive descent: sums of products of numbers and parentheses. */
final class Parser {
    private static final char END = '\0';

    private final String text;
    private int position;

    private Parser(String text) {
        this.text = text;
    }

    static Expression parse(String text) throws SyntaxException {
        var parser = new Parser(text);
        Expression expression = parser.sum();
        if (parser.next() != END) {
            throw parser.unexpected();
        }
        return expression;
    }

    private Expression sum() throws SyntaxException {
        Expression left = product();
        while (next() == '+' || next() == '-') {
            left = new Expression.Binary(take(), left, product());
        }
        return left;
    }

    private Expression product() throws SyntaxException {
        Expression left = factor();
        while (next() == '*' || next() == '/') {
            left = new Expression.Binary(take(), left, factor());
        }
        return left;
    }

    private Expression factor() throws SyntaxException {
        switch (next()) {
            case '-' -> {
                take();
                return new Expression.Negation(factor());
            }
            case '(' -> {
                take();
                Expression inner = sum();
                if (next() != ')') {
                    throw unexpected();
                }
                take();
                return inner;
            }
            default -> {
                return number();
            }
        }
    }

    private Expression number() throws SyntaxException {
        next();
        int start = position;
        while (position < text.length() && isPartOfNumber(text.charAt(position))) {
            position++;
        }
        if (start == position) {
            throw unexpected();
        }
        try {
            return new Expression.Number(Double.parseDouble(text.substring(start, position)));
        } catch (NumberFormatException error) {
            throw new SyntaxException("not a number", start);
        }
    }

    private static boolean isPartOfNumber(char character) {
        return character >= '0' && character <= '9' || character == '.';
    }

    private char next() {
        while (position < text.length() && Character.isWhitespace(text.charAt(position))) {
            position++;
        }
        return position < text.length() ? text.charAt(position) : END;
    }

    private char take() {
        return text.charAt(position++);
    }

    private SyntaxException unexpected() {
        return new SyntaxException(
                next() == END ? "unexpected end" : "unexpected '" + next() + "'", position);
    }
}
