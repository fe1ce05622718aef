//! The Redis server that an endpoint forwards commands to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, IntoConnectionInfo, Pipeline, ProtocolVersion, RedisResult,
    ServerError, Value,
};
use tokio::sync::Mutex;

use crate::reply::{CommandResult, Reply};

/// The number of connections, which all requests share. With two, one can send commands
/// while the other reads replies.
const CONNECTION_COUNT: usize = 2;

/// The maximum number of requests that wait to be written to a connection.
const MAX_BUFFERED_REQUESTS: usize = 1024;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that was idle for longer than this is tested before it is used.
const IDLE_LIMIT: Duration = Duration::from_millis(500);

/// A script flag that Upstash has and Redis does not know. It only permits
/// scripts to run in parallel.
const KEY_LOCKING_FLAG: &str = "allow-key-locking";

pub(crate) struct Upstream {
    client: Client,
    config: AsyncConnectionConfig,
    connections: [Mutex<Option<Connection>>; CONNECTION_COUNT],
    next: AtomicUsize,
}

struct Connection {
    link: MultiplexedConnection,
    /// When the connection was last used. `None` after an error, which may have closed it.
    last_used: Option<Instant>,
}

impl Upstream {
    pub(crate) fn new(url: &str) -> RedisResult<Self> {
        let info = url.into_connection_info()?;
        // Upstash's REST protocol has the reply types of RESP2. The library's name is
        // not sent, because the Redis user may lack the permission for CLIENT.
        let redis = info.redis_settings().clone();
        let redis = redis
            .set_protocol(ProtocolVersion::RESP2)
            .set_skip_set_lib_name();
        let tcp = info.tcp_settings().clone().set_nodelay(true);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(None)
            .set_pipeline_buffer_size(MAX_BUFFERED_REQUESTS);
        Ok(Self {
            client: Client::open(info.set_redis_settings(redis).set_tcp_settings(tcp))?,
            config,
            connections: Default::default(),
            next: AtomicUsize::new(0),
        })
    }

    /// Runs commands in order and returns the result of each. Fails if Redis refuses a
    /// transaction, or if the connection fails.
    pub(crate) async fn run(
        &self,
        commands: &[Vec<String>],
        atomic: bool,
    ) -> Result<Vec<CommandResult>, String> {
        let replies = self.send(commands, atomic).await;
        let mut replies =
            replies.map_err(|error| format!("ERR the connection to Redis failed: {error}"))?;
        if atomic {
            replies = match replies.pop() {
                Some(Value::Array(replies)) => replies,
                Some(Value::ServerError(error)) => return Err(error_text(&error)),
                _ => return Err("ERR Redis did not reply to EXEC with an array".to_owned()),
            };
        }
        Ok(replies.into_iter().map(command_result).collect())
    }

    async fn send(&self, commands: &[Vec<String>], atomic: bool) -> RedisResult<Vec<Value>> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let slot = &self.connections[turn % CONNECTION_COUNT];
        let mut link = self.connection(slot).await?;
        let replies = match commands {
            [command] if !atomic => {
                let reply = link.send_packed_command(&packed(command)).await;
                reply.map(|reply| vec![reply])
            }
            _ => {
                let pipeline = pipeline(commands, atomic);
                let count = pipeline.len();
                link.send_packed_commands(&pipeline, 0, count).await
            }
        };
        if replies.is_err()
            && let Some(connection) = &mut *slot.lock().await
        {
            connection.last_used = None;
        }
        replies
    }

    /// Returns an open connection.
    ///
    /// A command that was written is never sent again, because it may have been
    /// applied. A connection that may be closed is therefore tested first.
    async fn connection(
        &self,
        slot: &Mutex<Option<Connection>>,
    ) -> RedisResult<MultiplexedConnection> {
        let mut slot = slot.lock().await;
        if let Some(connection) = &mut *slot {
            let recent = connection
                .last_used
                .is_some_and(|time| time.elapsed() < IDLE_LIMIT);
            if recent || is_open(&mut connection.link).await {
                connection.last_used = Some(Instant::now());
                return Ok(connection.link.clone());
            }
        }
        *slot = None;
        let link = self
            .client
            .get_multiplexed_async_connection_with_config(&self.config)
            .await?;
        *slot = Some(Connection {
            link: link.clone(),
            last_used: Some(Instant::now()),
        });
        Ok(link)
    }
}

async fn is_open(link: &mut MultiplexedConnection) -> bool {
    let ping = redis::cmd("PING");
    let reply = tokio::time::timeout(CONNECT_TIMEOUT, link.send_packed_command(&ping));
    matches!(reply.await, Ok(Ok(_)))
}

fn packed(command: &[String]) -> Cmd {
    let script = script_position(command);
    let mut packed = Cmd::new();
    for (position, argument) in command.iter().enumerate() {
        if script == Some(position)
            && let Some(accepted) = without_key_locking(argument)
        {
            packed.arg(accepted);
        } else {
            packed.arg(argument);
        }
    }
    packed
}

fn script_position(command: &[String]) -> Option<usize> {
    let has_word = |position: usize, word| {
        let found: Option<&String> = command.get(position);
        found.is_some_and(|found| found.eq_ignore_ascii_case(word))
    };
    if has_word(0, "EVAL") || has_word(0, "EVAL_RO") {
        Some(1)
    } else if has_word(0, "SCRIPT") && has_word(1, "LOAD") {
        Some(2)
    } else {
        None
    }
}

/// Returns the script without [`KEY_LOCKING_FLAG`], if its first line has flags. Clients
/// compute the hash of the original script. If the flag was removed, EVALSHA therefore
/// always fails for them with NOSCRIPT, and they use EVAL.
fn without_key_locking(script: &str) -> Option<String> {
    let (flags, body) = script.strip_prefix("#!lua flags=")?.split_once('\n')?;
    let kept: Vec<&str> = flags
        .split(',')
        .filter(|flag| flag.trim() != KEY_LOCKING_FLAG)
        .collect();
    match &kept[..] {
        [] => Some(format!("#!lua\n{body}")),
        _ => Some(format!("#!lua flags={}\n{body}", kept.join(","))),
    }
}

/// Builds a pipeline. MULTI and EXEC are plain commands in it, because a transaction of
/// the crate `redis` would replace the server's error texts.
fn pipeline(commands: &[Vec<String>], atomic: bool) -> Pipeline {
    let mut pipeline = redis::pipe();
    if atomic {
        pipeline.cmd("MULTI");
    }
    for command in commands {
        pipeline.add_command(packed(command));
    }
    if atomic {
        pipeline.cmd("EXEC");
    }
    pipeline
}

/// Converts a reply. If an array contains an error, the command fails with this error.
fn command_result(value: Value) -> CommandResult {
    Ok(match value {
        Value::Nil => Reply::Nil,
        Value::Int(number) => Reply::Integer(number),
        Value::Okay => "OK".into(),
        Value::SimpleString(text) => Reply::String(text.into_bytes()),
        Value::BulkString(bytes) => Reply::String(bytes),
        Value::Array(items) => {
            let items = items.into_iter().map(command_result);
            Reply::Array(items.collect::<Result<_, _>>()?)
        }
        Value::ServerError(error) => return Err(error_text(&error)),
        other => {
            return Err(format!(
                "ERR Redis sent a reply that is not of RESP2: {other:?}"
            ));
        }
    })
}

/// Returns the error text that Redis sent. A name with a dot, such as `JSON.SET`, belongs to
/// a module. If Redis does not know such a command, the text gets a hint.
fn error_text(error: &ServerError) -> String {
    let text = match error.details() {
        Some(details) => format!("{} {details}", error.code()),
        None => error.code().to_owned(),
    };
    let command = text.strip_prefix("ERR unknown command '");
    let name = command.and_then(|command| command.split('\'').next());
    match name.is_some_and(|name| name.contains('.')) {
        true => format!("{text}(this Redis server lacks the module; Upstash may have it)"),
        false => text,
    }
}
