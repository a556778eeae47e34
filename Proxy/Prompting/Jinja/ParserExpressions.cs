namespace Agentic.Proxy;

/// <summary>Expressions, from the loosest binding to the tightest.</summary>
internal sealed partial class Parser
{
    // Filters and tests that do not exist: an error at once, unless an if decides whether they are reached.
    private readonly List<(string Reason, int Line)> _unknownNames = [];

    private void CheckNames(int from)
    {
        if (_unknownNames.Count > from)
            throw JinjaException.Assertion(_unknownNames[from].Reason, _unknownNames[from].Line);
    }

    private void ForgiveNames(int from) => _unknownNames.RemoveRange(from, _unknownNames.Count - from);

    private Expression Expression(bool withConditional = true)
    {
        int nesting = _nesting;
        Deepen();
        Expression expression = withConditional ? Conditional() : Or();
        _nesting = nesting;
        return expression;
    }

    private Expression Conditional()
    {
        int line = Current.Line, names = _unknownNames.Count;
        Expression then = Or();
        while (SkipName("if"))
        {
            Deepen();
            Expression test = Or();
            Expression? otherwise = SkipName("else") ? Expression() : null;
            then = new ConditionalExpression(line, test, then, otherwise);
            ForgiveNames(names);
            line = Current.Line;
        }

        return then;
    }

    private Expression Or()
    {
        Expression left = And();
        while (SkipName("or"))
        {
            Deepen();
            left = new OrExpression(left.Line, left, And());
        }

        return left;
    }

    private Expression And()
    {
        Expression left = Not();
        while (SkipName("and"))
        {
            Deepen();
            left = new AndExpression(left.Line, left, Not());
        }

        return left;
    }

    private Expression Not()
    {
        if (!Current.IsName("not"))
            return Compare();
        int line = Next().Line;
        return new NotExpression(line, Nested(Not));
    }

    private Expression Nested(Func<Expression> parse)
    {
        int nesting = _nesting;
        Deepen();
        Expression expression = parse();
        _nesting = nesting;
        return expression;
    }

    private Expression Compare()
    {
        Expression first = Sum();
        List<(string, Expression)> rest = [];
        while (true)
        {
            if (Current is { Kind: TokenKind.Operator, Text: "==" or "!=" or "<" or "<=" or ">" or ">=" })
            {
                rest.Add((Next().Text, Sum()));
            }
            else if (SkipName("in"))
            {
                rest.Add(("in", Sum()));
            }
            else if (Current.IsName("not") && Ahead.IsName("in"))
            {
                _at += 2;
                rest.Add(("not in", Sum()));
            }
            else
            {
                return rest.Count == 0 ? first : new CompareExpression(first.Line, first, [.. rest]);
            }
        }
    }

    private Expression Sum()
    {
        Expression left = Concat();
        while (Current.Is("+") || Current.Is("-"))
        {
            Deepen();
            Token symbol = Next();
            left = new BinaryExpression(symbol.Line, symbol.Text, left, Concat());
        }

        return left;
    }

    private Expression Concat()
    {
        Expression first = Product();
        if (!Current.Is("~"))
            return first;
        List<Expression> parts = [first];
        while (Skip("~"))
            parts.Add(Product());
        return new ConcatExpression(first.Line, [.. parts]);
    }

    private Expression Product()
    {
        Expression left = Power();
        while (Current is { Kind: TokenKind.Operator, Text: "*" or "/" or "//" or "%" })
        {
            Deepen();
            Token symbol = Next();
            left = new BinaryExpression(symbol.Line, symbol.Text, left, Power());
        }

        return left;
    }

    // Binds to the left, unlike Python's.
    private Expression Power()
    {
        Expression left = Unary(withFilters: true);
        while (Current.Is("**"))
        {
            Deepen();
            int line = Next().Line;
            left = new BinaryExpression(line, "**", left, Unary(withFilters: true));
        }

        return left;
    }

    private Expression Unary(bool withFilters)
    {
        Expression operand;
        if (Current.Is("-") || Current.Is("+"))
        {
            Token symbol = Next();
            operand = new UnaryExpression(symbol.Line, symbol.Text, Nested(() => Unary(withFilters: false)));
        }
        else
        {
            operand = Primary();
        }

        operand = Postfix(operand);
        return withFilters ? FiltersAndTests(operand) : operand;
    }

    private Expression Primary()
    {
        Token token = Next();
        switch (token.Kind)
        {
            case TokenKind.Name:
                return Name(token);
            case TokenKind.Text:
                string text = token.Text;
                while (Current.Kind == TokenKind.Text)
                    text += Next().Text;
                return new ConstantExpression(token.Line, text);
            case TokenKind.Integer or TokenKind.Float:
                return new ConstantExpression(token.Line, token.Number);
            case TokenKind.Operator when token.Text == "(":
                Expression inner = Tuple(inParentheses: true);
                Expect(")");
                return inner;
            case TokenKind.Operator when token.Text == "[":
                return new ListExpression(token.Line, [.. Items("]", () => Expression())]);
            case TokenKind.Operator when token.Text == "{":
                return new DictExpression(token.Line, [.. Items("}", () =>
                {
                    Expression key = Expression();
                    Expect(":");
                    return (key, Expression());
                })]);
            default:
                throw JinjaException.Syntax($"unexpected {PyText.Repr(token.Description)}", token.Line);
        }
    }

    private Expression Name(Token token)
    {
        switch (token.Text)
        {
            case "true" or "True":
                return new ConstantExpression(token.Line, PyType.True);
            case "false" or "False":
                return new ConstantExpression(token.Line, PyType.False);
            case "none" or "None":
                return new ConstantExpression(token.Line, null);
            case "caller" or "varargs" or "kwargs":
                foreach (HashSet<string> uses in _macroUses)
                    uses.Add(token.Text);
                break;
        }

        NameExpression name = new(token.Line, token.Text);
        _frame.Read(name);
        return name;
    }

    private List<T> Items<T>(string end, Func<T> parse)
    {
        List<T> items = [];
        while (!Current.Is(end))
        {
            if (items.Count > 0)
                Expect(",");
            if (Current.Is(end))
                break;
            items.Add(parse());
        }

        Expect(end);
        return items;
    }

    /// <summary>One expression, or several with commas between or after them: a tuple.</summary>
    private Expression Tuple(bool withConditional = true, bool inParentheses = false, string? end = null)
    {
        int line = Current.Line;
        List<Expression> items = [];
        bool isTuple = false;
        while (true)
        {
            if (items.Count > 0)
                Expect(",");
            if (Current.Kind is TokenKind.VariableEnd or TokenKind.BlockEnd || Current.Is(")") || (end is not null && Current.IsName(end)))
                break;
            items.Add(Expression(withConditional));
            if (!Current.Is(","))
                break;
            isTuple = true;
        }

        if (!isTuple && items.Count > 0)
            return items[0];
        return isTuple || inParentheses
            ? new TupleExpression(line, [.. items])
            : throw Fail($"Expected an expression, got {PyText.Repr(Current.Description)}");
    }

    private Target AssignTarget(bool withNamespace = false, string? end = null)
    {
        List<Target> targets = [];
        bool isTuple = false;
        while (true)
        {
            if (targets.Count > 0)
                Expect(",");
            if (Current.Kind is TokenKind.VariableEnd or TokenKind.BlockEnd || Current.Is(")") || Current.Is("=")
                || (end is not null && Current.IsName(end)))
                break;
            targets.Add(SingleTarget(withNamespace));
            if (!Current.Is(","))
                break;
            isTuple = true;
        }

        if (targets.Count == 0)
            throw Fail($"Expected an expression, got {PyText.Repr(Current.Description)}");
        return isTuple ? new TupleTarget([.. targets]) : targets[0];
    }

    private Target SingleTarget(bool withNamespace)
    {
        if (Skip("("))
        {
            Target inner = AssignTarget(withNamespace);
            Expect(")");
            return inner;
        }

        if (Current.Kind is TokenKind.Text or TokenKind.Integer or TokenKind.Float || Current.IsName("true") || Current.IsName("false")
            || Current.IsName("none"))
            throw Fail("can't assign to 'const'");
        string name = Expect(TokenKind.Name).Text;
        return withNamespace && Skip(".") ? new NamespaceTarget(name, Expect(TokenKind.Name).Text) : new NameTarget(name);
    }
}
