using System.Runtime.CompilerServices;

namespace Agentic.Proxy;

/// <summary>Statements. The grammar is Jinja2's, with the extensions Hugging Face loads.</summary>
internal sealed partial class Parser(List<Token> tokens)
{
    // Nodes within nodes, the links of a chain such as a.b.c included: all of them are on the stack when the innermost is evaluated.
    private const int MaxNesting = 400;

    private readonly Stack<string> _open = new();
    private readonly Stack<string[]> _ends = new();
    private readonly Stack<HashSet<string>> _macroUses = new();
    private readonly List<FrameNames> _frames = [];
    private FrameNames _frame = new(null);
    private int _at;
    private int _loops;
    private int _fors;
    private int _nesting;

    private Token Current => tokens[_at];

    public Node ParseTemplate()
    {
        _frames.Add(_frame);
        Node body = Body();
        CheckNames(0);
        foreach (FrameNames frame in _frames)
            frame.Settle();
        return body;
    }

    private Token Next()
    {
        Token token = tokens[_at];
        if (token.Kind != TokenKind.End)
            _at++;
        return token;
    }

    private Token Ahead => tokens[Math.Min(_at + 1, tokens.Count - 1)];

    private bool Skip(string symbol)
    {
        if (!Current.Is(symbol))
            return false;
        _at++;
        return true;
    }

    private bool SkipName(string name)
    {
        if (!Current.IsName(name))
            return false;
        _at++;
        return true;
    }

    private Token Expect(TokenKind kind) => Current.Kind == kind ? Next() : throw Expected(Token.Describe(kind));

    private void Expect(string symbol)
    {
        if (!Skip(symbol))
            throw Expected(symbol);
    }

    private void ExpectName(string name)
    {
        if (!SkipName(name))
            throw Expected(name);
    }

    private JinjaException Expected(string what) => Fail(Current.Kind == TokenKind.End
        ? $"unexpected end of template, expected {PyText.Repr(what)}."
        : $"expected token {PyText.Repr(what)}, got {PyText.Repr(Current.Description)}");

    private void Deepen()
    {
        if (++_nesting > MaxNesting || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw JinjaException.Recursion().At(Current.Line);
    }

    private JinjaException Fail(string reason) => JinjaException.Syntax(reason, Current.Line);

    /// <summary>Statements up to the end of the template, or to a block of one of these names, which becomes the current token.</summary>
    private Block Body(params string[] ends)
    {
        int line = Current.Line;
        List<Node> nodes = [];
        int nesting = _nesting;
        Deepen();
        if (ends.Length > 0)
        {
            Skip(":");
            Expect(TokenKind.BlockEnd);
            _ends.Push(ends);
        }

        while (Current.Kind != TokenKind.End)
        {
            Token token = Next();
            switch (token.Kind)
            {
                case TokenKind.Data:
                    nodes.Add(new DataNode(token.Line, token.Text));
                    break;
                case TokenKind.VariableBegin:
                    nodes.Add(new PrintNode(token.Line, Tuple()));
                    Expect(TokenKind.VariableEnd);
                    break;
                default:
                    if (Current.Kind == TokenKind.Name && Array.IndexOf(ends, Current.Text) >= 0)
                    {
                        _ends.Pop();
                        _nesting = nesting;
                        return new Block(line, [.. nodes]);
                    }

                    nodes.Add(Statement());
                    Expect(TokenKind.BlockEnd);
                    break;
            }
        }

        _nesting = nesting;
        return ends.Length == 0 ? new Block(line, [.. nodes]) : throw UnexpectedEnd(null);
    }

    /// <summary>A body that ends with a block of this name, which is passed.</summary>
    private Block BodyThrough(string end)
    {
        Block body = Body(end);
        _at++;
        return body;
    }

    private Node Statement()
    {
        if (Current.Kind != TokenKind.Name)
            throw Fail("tag name expected");
        Token tag = Next();
        _open.Push(tag.Text);
        Node node = tag.Text switch
        {
            "for" => For(tag.Line),
            "if" => If(tag.Line),
            "set" => Set(tag.Line),
            "macro" => MacroStatement(tag.Line),
            "call" => Call(tag.Line),
            "filter" => FilterBlock(tag.Line),
            "with" => With(tag.Line),
            "autoescape" => new AutoescapeNode(tag.Line, Expression(), Frame(() => BodyThrough("endautoescape"))),
            "generation" => new ScopeNode(tag.Line, [], Function(() => BodyThrough("endgeneration"))),
            "block" => NamedBlock(tag.Line),
            "print" => Print(tag.Line),
            "break" or "continue" => _loops > 0
                ? new JumpNode(tag.Line, tag.Text == "break" ? Flow.Break : Flow.Continue)
                : throw JinjaException.Syntax(tag.Text == "break" ? "'break' outside loop" : "'continue' not properly in loop", tag.Line),
            "extends" or "include" or "import" or "from" =>
                throw JinjaException.Type("no loader for this environment specified").At(tag.Line),
            _ => throw UnexpectedEnd(tag),
        };
        _open.Pop();
        return node;
    }

    private JinjaException UnexpectedEnd(Token? tag)
    {
        if (tag is not null)
            _open.Pop();
        string reason = tag is { } unknown ? $"Encountered unknown tag {PyText.Repr(unknown.Text)}." : "Unexpected end of template.";
        if (_ends.Count > 0)
        {
            string looking = string.Join(" or ", _ends.Peek().Select(PyText.Repr));
            reason += tag is { } known && _ends.Any(ends => Array.IndexOf(ends, known.Text) >= 0)
                ? $" You probably made a nesting mistake. Jinja is expecting this tag, but currently looking for {looking}."
                : $" Jinja was looking for the following tags: {looking}.";
        }

        if (_open.Count > 0)
            reason += $" The innermost block that needs to be closed is {PyText.Repr(_open.Peek())}.";
        return JinjaException.Syntax(reason, tag?.Line ?? Current.Line);
    }

    private ForNode For(int line)
    {
        Target target = AssignTarget(end: "in");
        if (target.Names.Contains("loop"))
            throw JinjaException.Assertion("Can't assign to special loop variable in for-loop target", line);
        ExpectName("in");
        Expression items = Tuple(withConditional: false, end: "recursive");
        Expression? filter = SkipName("if") ? Frame(() => Expression(), [.. target.Names]) : null;
        bool recursive = SkipName("recursive");
        _loops++;
        _fors++;
        Block body = Frame(() => Body("endfor", "else"), [.. target.Names, "loop"]);
        _loops--;
        Block? otherwise = Next().Text == "else" ? Frame(() => BodyThrough("endfor")) : null;
        _fors--;
        return new ForNode(line, target, items, filter, body, otherwise, recursive);
    }

    private IfNode If(int line)
    {
        int names = _unknownNames.Count, nesting = _nesting;
        Deepen();
        Expression test = Tuple(withConditional: false);
        _frame.EnterBranch();
        Block then = Body("elif", "else", "endif");
        Token end = Next();
        Node? otherwise = end.Text switch
        {
            "elif" => If(end.Line),
            "else" => BodyThrough("endif"),
            _ => null,
        };
        _frame.LeaveBranch();
        ForgiveNames(names);
        _nesting = nesting;
        return new IfNode(line, test, then, otherwise);
    }

    private Node Set(int line)
    {
        Target target = AssignTarget(withNamespace: true);
        if (_fors > 0 && target.Names.Contains("loop"))
            throw JinjaException.Assertion("Can't assign to special loop variable in for-loop target", line);
        if (Skip("="))
        {
            Expression value = Tuple();
            _frame.Assign(target.Names);
            return new SetNode(line, target, value);
        }

        _frame.Assign(target.Names);
        return Captured(line, filtered => Filters(filtered), "endset", (body, value) => new SetBlockNode(line, target, body, value));
    }

    private Node FilterBlock(int line) =>
        Captured(line, filtered => Filters(filtered, atName: true), "endfilter", (body, value) => new FilterBlockNode(line, body, value));

    /// <summary>A block whose filters come before the body that they take.</summary>
    private Node Captured(int line, Func<Expression, Expression> filters, string end, Func<CapturedExpression, Expression, Node> make)
    {
        CapturedExpression placeholder = new(line, new Block(line, []));
        Expression value = filters(placeholder);
        CapturedExpression captured = new(line, Frame(() => BodyThrough(end)));
        return make(captured, value);
    }

    private ScopeNode With(int line)
    {
        List<(Target, Expression)> variables = [];
        while (Current.Kind != TokenKind.BlockEnd)
        {
            if (variables.Count > 0)
                Expect(",");
            Target target = AssignTarget();
            Expect("=");
            variables.Add((target, Expression()));
        }

        return new ScopeNode(line, [.. variables], Frame(() => BodyThrough("endwith"), [.. variables.SelectMany(variable => variable.Item1.Names)]));
    }

    private ScopeNode NamedBlock(int line)
    {
        string name = Expect(TokenKind.Name).Text;
        while (SkipName("scoped") || SkipName("required"))
        {
        }

        Block body = Function(() => BodyThrough("endblock"));
        SkipName(name);
        return new ScopeNode(line, [], body);
    }

    private Block Print(int line)
    {
        List<Node> nodes = [];
        while (Current.Kind != TokenKind.BlockEnd)
        {
            if (nodes.Count > 0)
                Expect(",");
            nodes.Add(new PrintNode(line, Expression()));
        }

        return new Block(line, [.. nodes]);
    }

    private MacroNode MacroStatement(int line)
    {
        string name = Expect(TokenKind.Name).Text;
        _frame.Assign([name]);
        return new MacroNode(line, Definition(name, "endmacro", between: null));
    }

    private CallBlockNode Call(int line)
    {
        CallExpression? call = null;
        MacroDefinition body = Definition(null, "endcall", between: () =>
            call = Expression() as CallExpression ?? throw JinjaException.Syntax("expected call", line));
        return new CallBlockNode(line, call!, body);
    }

    private MacroDefinition Definition(string? name, string end, Action? between)
    {
        List<(string, Expression?)> parameters = [];
        FrameNames around = _frame, own = new(around);
        _frames.Add(own);
        own.Take(["caller", "varargs", "kwargs"]);
        _frame = own;
        if (name is not null || Current.Is("("))
        {
            Expect("(");
            while (!Current.Is(")"))
            {
                if (parameters.Count > 0)
                    Expect(",");
                string parameter = Expect(TokenKind.Name).Text;
                own.Take([parameter]);
                Expression? fallback = Skip("=") ? Expression() : null;
                if (fallback is null && parameters.Count > 0 && parameters[^1].Item2 is not null)
                    throw Fail("non-default argument follows default argument");
                parameters.Add((parameter, fallback));
            }

            Expect(")");
        }

        _frame = around;
        between?.Invoke();
        _frame = own;
        HashSet<string> uses = [];
        _macroUses.Push(uses);
        Block body = Function(() => BodyThrough(end));
        _macroUses.Pop();
        _frame = around;
        return new MacroDefinition(name, [.. parameters], body, uses);
    }

    /// <summary>A body with a scope of its own, where an unknown filter cannot be forgiven by an <c>if</c> outside.</summary>
    private T Frame<T>(Func<T> parse, params string[] parameters)
    {
        int names = _unknownNames.Count;
        FrameNames around = _frame;
        _frame = new FrameNames(around);
        _frame.Take(parameters);
        _frames.Add(_frame);
        T body = parse();
        _frame = around;
        CheckNames(names);
        return body;
    }

    /// <summary>A body that becomes a function of its own, which no <c>break</c> can leave.</summary>
    private Block Function(Func<Block> parse)
    {
        int loops = _loops;
        _loops = 0;
        Block body = Frame(parse);
        _loops = loops;
        return body;
    }
}
