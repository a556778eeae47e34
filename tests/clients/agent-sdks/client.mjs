// node client.mjs BASE_URL MODEL KEY: the kits that agents are built with, each against a server whose model answers as the .NET test has
// scripted it: a chat, a stream, and a tool called and answered. Prints what they understood as one line of JSON. Run where the packages are
// installed (their directory is the working directory).
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
const require = createRequire(process.cwd() + '/');
const load = name => import(pathToFileURL(require.resolve(name)).href);

const [baseURL, model, apiKey] = process.argv.slice(2);
const { z } = await load('zod');
const parameters = z.object({ city: z.string() });
const told = { name: 'weather', description: 'The weather of a city' };
// What zod makes of these is more than plain types: propertyNames, and patterns that look ahead.
const notes = { name: 'note', description: 'Keeps notes', schema: z.object({ notes: z.record(z.string(), z.string()), mail: z.email(), at: z.iso.time() }) };
const report = {};

async function langchain() {
  const { ChatOpenAI } = await load('@langchain/openai');
  const { HumanMessage, ToolMessage } = await load('@langchain/core/messages');
  const { tool } = await load('@langchain/core/tools');
  const chat = new ChatOpenAI({ model, apiKey, configuration: { baseURL }, maxRetries: 0, useResponsesApi: false });
  const noting = tool(async () => 'kept', notes);
  const text = (await chat.bindTools([noting], { strict: true }).invoke('hi')).content;
  let streamed = '', usage;
  for await (const chunk of await chat.stream('hi')) {
    streamed += chunk.content;
    usage = chunk.usage_metadata ?? usage;
  }
  const weather = tool(async ({ city }) => `rain in ${city}`, { ...told, schema: parameters });
  const bound = chat.bindTools([weather]);
  const question = new HumanMessage('hi'), called = await bound.invoke([question]);
  const call = called.tool_calls[0];
  const answer = await bound.invoke([question, called, new ToolMessage({ tool_call_id: call.id, content: await weather.invoke(call.args) })]);
  return [text, streamed, usage.total_tokens, call.name, call.args, answer.content];
}

async function vercel() {
  const { createOpenAICompatible } = await load('@ai-sdk/openai-compatible');
  const { generateText, streamText, tool, stepCountIs } = await load('ai');
  const chosen = createOpenAICompatible({ name: 'agentic', baseURL, apiKey, includeUsage: true })(model);
  const common = { model: chosen, prompt: 'hi', maxRetries: 0 };
  const text = (await generateText(common)).text;
  const stream = streamText(common);
  let streamed = '';
  for await (const piece of stream.textStream) streamed += piece;
  const usage = await stream.usage;
  const calls = [];
  const tools = { weather: tool({ description: told.description, inputSchema: parameters, execute: async input => { calls.push(input); return 'rain'; } }) };
  const answer = await generateText({ ...common, tools, stopWhen: stepCountIs(3) });
  const streamedAnswer = streamText({ ...common, tools, stopWhen: stepCountIs(3) });
  let last = '';
  for await (const piece of streamedAnswer.textStream) last += piece;
  return [text, streamed, usage.totalTokens, calls, answer.text, last];
}

async function agents() {
  const { Agent, Runner, tool, setDefaultOpenAIClient, setOpenAIAPI, setTracingDisabled } = await load('@openai/agents');
  const { default: OpenAI } = await load('openai');
  setDefaultOpenAIClient(new OpenAI({ baseURL, apiKey, maxRetries: 0 }));
  setOpenAIAPI('chat_completions');
  setTracingDisabled(true);
  const calls = [];
  const weather = tool({ ...told, parameters, execute: async input => { calls.push(input); return 'rain'; } });
  const runner = new Runner({ model });
  const noting = tool({ ...notes, parameters: notes.schema, execute: async () => 'kept' });
  const text = (await runner.run(new Agent({ name: 'not called', instructions: 'Be brief.', tools: [noting] }), 'hi')).finalOutput;
  const agent = new Agent({ name: 'with a tool', instructions: 'Be brief.', tools: [weather] });
  const answer = (await runner.run(agent, 'hi')).finalOutput;
  const stream = await runner.run(agent, 'hi', { stream: true });
  let streamed = '';
  for await (const piece of stream.toTextStream()) streamed += piece;
  await stream.completed;
  return [text, answer, streamed, calls];
}

for (const kit of [langchain, vercel, agents]) {
  try { report[kit.name] = await kit(); } catch (error) { report[kit.name] = String(error?.stack ?? error); }
}
console.log(JSON.stringify(report));
