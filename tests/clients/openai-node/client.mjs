// node client.mjs BASE_URL MODEL KEY: OpenAI's Node client against a server whose model answers as the .NET test has scripted it.
// Prints what it understood as one line of JSON. Run where the package is installed (its directory is the working directory).
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
const require = createRequire(process.cwd() + '/');
const { default: OpenAI } = await import(pathToFileURL(require.resolve('openai')).href);

const [baseURL, model, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const user = { role: 'user', content: 'hi' };
const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } } }];
const report = {};

const chat = await client.chat.completions.create({ model, messages: [user], logprobs: true, top_logprobs: 2 });
report.chat = chat.choices[0].message.content;
report.requestId = chat._request_id;
report.logprobBytes = chat.choices[0].logprobs.content.flatMap(token => token.bytes).length;
report.cachedTokens = chat.usage.prompt_tokens_details.cached_tokens;

const stream = client.chat.completions.stream({ model, messages: [user], stream_options: { include_usage: true } });
let pieces = '';
stream.on('content', piece => { pieces += piece; });
const streamed = await stream.finalChatCompletion();
report.stream = [pieces, streamed.choices[0].message.content, streamed.choices[0].finish_reason, streamed.usage.total_tokens];

const called = await client.chat.completions.stream({ model, messages: [user], tools }).finalChatCompletion();
const call = called.choices[0].message.tool_calls[0];
report.call = [called.choices[0].finish_reason, call.function.name, JSON.parse(call.function.arguments), called.choices[0].message.content];
const answer = await client.chat.completions.create({
  model, tools, messages: [user, called.choices[0].message, { role: 'tool', tool_call_id: call.id, content: 'rain' }],
});
report.answer = answer.choices[0].message.content;

report.completion = (await client.completions.create({ model, prompt: 'a' })).choices[0].text;
report.models = (await client.models.list()).data.map(entry => entry.id);
report.errors = [];
for (const attempt of [
  () => client.chat.completions.create({ model: 'gpt-x', messages: [user] }),
  () => client.chat.completions.create({ model, messages: [user], temperature: 3 }),
  () => new OpenAI({ baseURL, apiKey: 'wrong', maxRetries: 0 }).models.list(),
]) {
  try { await attempt(); } catch (error) { report.errors.push([error.constructor.name, error.status, error.code, error.param]); }
}
console.log(JSON.stringify(report));
