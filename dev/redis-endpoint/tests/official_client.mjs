// Runs one case with @upstash/redis and @upstash/ratelimit:
// node official_client.mjs <directory with the packages> <case> <url> <token>

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const [directory, name, url, token] = process.argv.slice(2);
const require = createRequire(`${directory}/`);
const { Redis } = require('@upstash/redis');
const { Ratelimit } = require('@upstash/ratelimit');

const redis = new Redis({ url, token, retry: false, enableTelemetry: false });

const cases = {
  async values() {
    assert.equal(await redis.ping(), 'PONG');
    assert.equal(await redis.get('absent'), null);
    assert.equal(await redis.set('text', 'Ana María ñ 💃 "\\ \r\n\0'), 'OK');
    assert.equal(await redis.get('text'), 'Ana María ñ 💃 "\\ \r\n\0');
    assert.equal(await redis.type('text'), 'string');
    for (const value of ['OK', 'T0s=', '']) {
      await redis.set('text', value);
      assert.equal(await redis.get('text'), value);
      assert.deepEqual(await redis.mget('text', 'absent'), [value, null]);
    }
    for (const value of [42, 0.5, true, { list: [1, 'a'], nothing: null }]) {
      await redis.set('json', value);
      assert.deepEqual(await redis.get('json'), value);
    }

    assert.equal(await redis.set('session', 'a', { ex: 100 }), 'OK');
    const left = await redis.ttl('session');
    assert.ok(left > 90 && left <= 100, `${left}`);
    assert.equal(await redis.set('session', 'b', { nx: true }), null);
    assert.equal(await redis.set('session', 'c', { xx: true, get: true }), 'a');
    assert.equal(await redis.set('brief', 'a', { px: 1 }), 'OK');
    while (await redis.get('brief')) await new Promise((done) => setTimeout(done, 1));

    assert.equal(await redis.incr('count'), 1);
    assert.equal(await redis.incrby('count', 41), 42);
    assert.equal(await redis.expire('count', 100), 1);
    assert.equal(await redis.exists('count', 'text', 'absent'), 2);
    assert.equal(await redis.del('count', 'absent'), 1);
    await assert.rejects(redis.incr('text'), /ERR value is not an integer or out of range/);

    // The client sends these commands as one pipeline.
    const numbers = Array.from({ length: 50 }, (_, number) => `number ${number}`);
    await Promise.all(numbers.map((number) => redis.set(number, number)));
    assert.deepEqual(await Promise.all(numbers.map((number) => redis.get(number))), numbers);
    const found = [];
    let cursor = '0';
    do {
      const [next, keys] = await redis.scan(cursor, { match: 'number *' });
      found.push(...keys);
      cursor = next;
    } while (cursor !== '0');
    assert.deepEqual(new Set(found), new Set(numbers));
  },

  async pipelines() {
    const pipeline = redis.pipeline();
    pipeline.set('a', 'ñ', { ex: 100 }).get('a').get('absent').mget('a', 'absent').incr('n');
    assert.deepEqual(await pipeline.exec(), ['OK', 'ñ', null, ['ñ', null], 1]);

    const failing = redis.pipeline().incr('a').get('a');
    const results = await failing.exec({ keepErrors: true });
    assert.match(results[0].error, /^ERR value is not an integer/);
    assert.equal(results[1].result, 'ñ');
    await assert.rejects(redis.pipeline().incr('a').exec(), /ERR value is not an integer/);

    const multi = redis.multi();
    multi.incr('n').set('b', 'OK').get('b').lpush('list', 'x', 'y').lrange('list', 0, -1);
    assert.deepEqual(await multi.exec(), [2, 'OK', 'OK', 2, ['y', 'x']]);
    const both = await redis.multi().incr('a').incr('n').exec({ keepErrors: true });
    assert.match(both[0].error, /^ERR value is not an integer/);
    assert.equal(both[1].result, 3);
    await assert.rejects(redis.multi().incr('n').get('n', 'surplus').exec(), /EXECABORT/);
    assert.equal(await redis.get('n'), 3);
  },

  async collections() {
    assert.equal(await redis.hset('ana', { name: 'Ana ñ', classes: 3 }), 2);
    assert.deepEqual(await redis.hgetall('ana'), { name: 'Ana ñ', classes: 3 });
    assert.equal(await redis.hget('ana', 'name'), 'Ana ñ');
    assert.deepEqual(await redis.hmget('ana', 'name', 'absent'), { name: 'Ana ñ', absent: null });
    assert.equal(await redis.hincrby('ana', 'classes', 2), 5);
    assert.equal(await redis.hgetall('absent'), null);

    assert.equal(await redis.rpush('list', 'a', 'b', 'OK'), 3);
    assert.deepEqual(await redis.lrange('list', 0, -1), ['a', 'b', 'OK']);
    assert.equal(await redis.lpop('list'), 'a');
    assert.equal(await redis.llen('list'), 2);

    assert.equal(await redis.sadd('set', 'a', 'b', 'a'), 2);
    assert.deepEqual(new Set(await redis.smembers('set')), new Set(['a', 'b']));

    const members = [{ score: 1, member: 'a' }, { score: 2.5, member: 'ñ' }];
    assert.equal(await redis.zadd('sorted', ...members), 2);
    assert.deepEqual(await redis.zrange('sorted', 0, -1), ['a', 'ñ']);
    const scored = await redis.zrange('sorted', 0, -1, { withScores: true });
    assert.deepEqual(scored, ['a', 1, 'ñ', 2.5]);
    assert.equal(await redis.zscore('sorted', 'ñ'), 2.5);
    assert.equal(await redis.zremrangebyscore('sorted', 0, 1), 1);
    assert.equal(await redis.zcard('sorted'), 1);
    await assert.rejects(redis.lpush('sorted', 'a'), /WRONGTYPE/);
  },

  async scripts() {
    const text = "return {KEYS[1], ARGV[1], 7, false, {'ñ', 'OK'}}";
    const expected = ['key', 'value', 7, null, ['ñ', 'OK']];
    assert.deepEqual(await redis.eval(text, ['key'], ['value']), expected);
    const script = redis.createScript(`${text} -- not loaded yet`);
    await assert.rejects(script.evalsha(['key'], ['value']), /NOSCRIPT/);
    assert.deepEqual(await script.exec(['key'], ['value']), expected);
    assert.deepEqual(await script.evalsha(['key'], ['value']), expected);
    await assert.rejects(redis.eval("return {err = 'MINE own'}", [], []), /MINE own/);
  },

  async plainResponses() {
    const plain = new Redis({ url, token, responseEncoding: false, retry: false });
    assert.equal(await plain.set('key', 'ñ 💃'), 'OK');
    assert.deepEqual(await plain.mget('key', 'absent'), ['ñ 💃', null]);
  },

  async rateLimiter() {
    for (const limiter of [
      Ratelimit.slidingWindow(3, '60 s'),
      Ratelimit.fixedWindow(3, '1 h'),
      Ratelimit.tokenBucket(1, '1 h', 3),
    ]) {
      await redis.flushdb();
      const limit = new Ratelimit({ redis, limiter, ephemeralCache: false });
      for (const left of [2, 1, 0]) {
        const { success, remaining, reset } = await limit.limit('ana');
        assert.deepEqual({ success, remaining }, { success: true, remaining: left });
        assert.ok(reset > Date.now());
      }
      assert.equal((await limit.limit('ana')).success, false);
      assert.equal((await limit.limit('berta')).success, true);
      await limit.resetUsedTokens('ana');
      assert.equal((await limit.limit('ana')).success, true);
    }
  },

  async memory() {
    assert.equal(await redis.set('key', 'ñ', { ex: 100 }), 'OK');
    assert.deepEqual(await redis.mget('key', 'absent'), ['ñ', null]);
    assert.deepEqual(await redis.multi().incr('n').ttl('key').exec(), [1, 100]);
    assert.deepEqual(await redis.pipeline().incr('n').dbsize().exec(), [2, 2]);
    for (const refused of [
      () => redis.eval('return 1', [], []),
      () => redis.hset('hash', { a: 1 }),
      () => redis.set('key', 'value', { get: true }),
      () => redis.expire('key', 1, 'NX'),
      () => redis.multi().incr('n').lpush('list', 'a').exec(),
      () => new Ratelimit({ redis, limiter: Ratelimit.slidingWindow(3, '60 s') }).limit('ana'),
    ]) {
      await assert.rejects(refused, /in-memory.*use redis-server/);
    }
    assert.equal(await redis.get('n'), 2);
  },
};

await cases[name]();
console.log('passed');
