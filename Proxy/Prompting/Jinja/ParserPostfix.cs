namespace Agentic.Proxy;

/// <summary>What follows an expression: members, calls, filters and tests.</summary>
internal sealed partial class Parser
{
    private Expression Postfix(Expression value)
    {
        for (; ; Deepen())
        {
            if (Current.Is("."))
                value = Member(value);
            else if (Current.Is("["))
                value = Subscript(value);
            else if (Current.Is("("))
                value = new CallExpression(Current.Line, value, CallArguments());
            else
                return value;
        }
    }

    private Expression Member(Expression value)
    {
        int line = Next().Line;
        Token member = Next();
        return member.Kind switch
        {
            TokenKind.Name => new AttributeExpression(line, value, member.Text),
            TokenKind.Integer => new ItemExpression(line, value, new ConstantExpression(line, member.Number)),
            _ => throw JinjaException.Syntax("expected name or number", member.Line),
        };
    }

    private Expression Subscript(Expression value)
    {
        int line = Next().Line;
        List<Expression> keys = [];
        if (Current.Is(":") || !Current.Is("]"))
        {
            Expression? start = Current.Is(":") ? null : Expression();
            if (Skip(":"))
            {
                Expression? Bound() => Current.Is(":") || Current.Is("]") || Current.Is(",") ? null : Expression();
                Expression? stop = Bound();
                Expression? step = Skip(":") ? Bound() : null;
                Expect("]");
                return new SliceExpression(line, value, start, stop, step);
            }

            keys.Add(start!);
        }

        while (Skip(","))
            keys.Add(Expression());
        Expect("]");
        return new ItemExpression(line, value, keys.Count == 1 ? keys[0] : new TupleExpression(line, [.. keys]));
    }

    private Expression FiltersAndTests(Expression value)
    {
        for (; ; Deepen())
        {
            if (Current.Is("|"))
                value = Filters(value);
            else if (Current.IsName("is"))
                value = Test(value);
            else if (Current.Is("("))
                value = new CallExpression(Current.Line, value, CallArguments());
            else
                return value;
        }
    }

    /// <summary>A chain of filters; at its first name where a filter block starts it.</summary>
    private Expression Filters(Expression value, bool atName = false)
    {
        while (atName || Current.Is("|"))
        {
            Deepen();
            if (!atName)
                _at++;
            atName = false;
            int line = Current.Line;
            string name = DottedName();
            if (!Proxy.Filters.Table.Has(name))
                _unknownNames.Add(($"No filter named {PyText.Repr(name)}.", line));
            value = new FilterExpression(line, value, name, Current.Is("(") ? CallArguments() : ArgumentList.None);
        }

        return value;
    }

    private Expression Test(Expression value)
    {
        int line = Next().Line;
        bool negated = SkipName("not");
        string name = DottedName();
        if (!Tests.Table.Has(name))
            _unknownNames.Add(($"No test named {PyText.Repr(name)}.", line));
        ArgumentList arguments = ArgumentList.None;
        if (Current.Is("("))
        {
            arguments = CallArguments();
        }
        else if (Current.Kind is TokenKind.Name or TokenKind.Text or TokenKind.Integer or TokenKind.Float || Current.Is("[")
            || Current.Is("{"))
        {
            if (Current.IsName("is"))
                throw Fail("You cannot chain multiple tests with is");
            if (!Current.IsName("else") && !Current.IsName("or") && !Current.IsName("and"))
                arguments = new ArgumentList([Postfix(Primary())], [], null, null);
        }

        Expression test = new TestExpression(line, value, name, arguments);
        return negated ? new NotExpression(line, test) : test;
    }

    private string DottedName()
    {
        string name = Expect(TokenKind.Name).Text;
        while (Skip("."))
            name += "." + Expect(TokenKind.Name).Text;
        return name;
    }

    private ArgumentList CallArguments()
    {
        int line = Current.Line;
        Expect("(");
        List<Expression> positional = [];
        List<(string, Expression)> named = [];
        Expression? more = null, moreNamed = null;
        void Require(bool valid)
        {
            if (!valid)
                throw JinjaException.Syntax("invalid syntax for function call expression", line);
        }

        while (!Current.Is(")"))
        {
            if (positional.Count > 0 || named.Count > 0 || more is not null || moreNamed is not null)
            {
                Expect(",");
                if (Current.Is(")"))
                    break;
            }

            if (Skip("*"))
            {
                Require(more is null && moreNamed is null);
                more = Expression();
            }
            else if (Skip("**"))
            {
                Require(moreNamed is null);
                moreNamed = Expression();
            }
            else if (Current.Kind == TokenKind.Name && Ahead.Is("="))
            {
                Require(moreNamed is null);
                string name = Next().Text;
                _at++;
                named.Add((name, Expression()));
            }
            else
            {
                Require(more is null && moreNamed is null && named.Count == 0);
                positional.Add(Expression());
            }
        }

        Expect(")");
        return new ArgumentList([.. positional], [.. named], more, moreNamed);
    }
}
