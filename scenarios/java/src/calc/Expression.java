package calc;

/** An expression, as a tree. */
sealed interface Expression {
    record Number(double literal) implements Expression {}

    record Negation(Expression operand) implements Expression {}

    record Binary(char operator, Expression left, Expression right) implements Expression {}

    default double value() {
        return switch (this) {
            case Number(double literal) -> literal;
            case Negation(Expression operand) -> -operand.value();
            case Binary(char operator, Expression left, Expression right) ->
                    apply(operator, left.value(), right.value());
        };
    }

    private static double apply(char operator, double left, double right) {
        return switch (operator) {
            case '+' -> left + right;
            case '-' -> left - right;
            case '*' -> left * right;
            case '/' -> divide(left, right);
            default -> throw new IllegalArgumentException("no operator: " + operator);
        };
    }

    private static double divide(double left, double right) {
        if (right == 0) {
            throw new ArithmeticException("division by zero");
        }
        return left / right;
    }
}
