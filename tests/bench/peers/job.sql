-- The batch job that one would write over the same records, as far as windows and groups go.
-- ``records`` has the text of each record and its arrival, epoch ms.
--
-- As the worker does it: envelopes, identities, what one event or a whole session decides, minutes
-- and values, series by the context in force. Only near to it: what neighbours decide, for a window
-- sees the last event of a kind, and not what is owed, doubtful or missing. Left out: languages'
-- own tables, cut and damaged records, revisions, anything that is late, limits, texts of people.

CREATE OR REPLACE TEMP TABLE events AS
WITH envelopes AS (
  SELECT arrival, from_json(text, '{"type": "VARCHAR", "data": "JSON"}') AS envelope
  FROM records
),
calls AS (
  SELECT
    arrival,
    from_json(
      if(json_type(envelope.data) = 'VARCHAR', envelope.data->>'$', envelope.data::VARCHAR),
      '{"timestamp": "TIMESTAMP", "account_sid": "VARCHAR", "call_sid": "VARCHAR",
        "name": "VARCHAR", "conversation_relay_data": {
          "session_id": "VARCHAR", "name": "VARCHAR", "sequence_number": "BIGINT",
          "stt_latency": {"latency_ms": "BIGINT"}, "tts_latency": {"latency_ms": "BIGINT"},
          "interrupt": {"type": "VARCHAR"}, "error": {"error_code": "VARCHAR"},
          "last_token_received": {"total_tokens": "BIGINT", "total_words": "BIGINT"},
          "configurations": {"configurations": {
            "ttsProvider": "VARCHAR", "voice": "VARCHAR", "transcriptionProvider": "VARCHAR",
            "speechModel": "VARCHAR", "ttsLanguage": "VARCHAR"}},
          "language_changed": {
            "tts_provider": "VARCHAR", "voice": "VARCHAR", "transcription_provider": "VARCHAR",
            "speech_model": "VARCHAR", "tts_language_code": "VARCHAR"},
          "call_wrap_up": {"duration_in_seconds": "DOUBLE", "end_status": "VARCHAR"}}}'
    ) AS call
  FROM envelopes
  WHERE envelope.type = 'com.twilio.voice.insights.call-event.gateway'
)
SELECT
  call.account_sid AS account,
  call.call_sid AS call_sid,
  relay.session_id AS session,
  relay.sequence_number AS number,
  epoch_ms(call.timestamp) AS instant,
  CASE coalesce(nullif(relay.name, ''), call.name)
    WHEN 'error' THEN 'error_event'
    WHEN 'last_token_received' THEN 'final_token_received'
    ELSE coalesce(nullif(relay.name, ''), call.name)
  END AS name,
  min(arrival) AS arrival,
  any_value(relay) AS relay
FROM (SELECT arrival, call, call.conversation_relay_data AS relay FROM calls)
WHERE relay IS NOT NULL
GROUP BY ALL;

CREATE OR REPLACE TEMP TABLE walked AS
SELECT
  *,
  last_value(if(name = 'prompt_sent', instant, NULL) IGNORE NULLS) OVER so_far AS prompted,
  last_value(if(name = 'first_token_received', instant, NULL) IGNORE NULLS) OVER so_far AS token,
  last_value(if(name = 'end_of_customer_speech', instant, NULL) IGNORE NULLS) OVER so_far AS silent,
  last_value(if(name = 'start_of_agent_speech', instant, NULL) IGNORE NULLS) OVER so_far AS spoke,
  last_value(if(name = 'interrupt', instant, NULL) IGNORE NULLS) OVER so_far AS interrupted,
  last_value(if(name = 'configurations', instant, NULL) IGNORE NULLS) OVER so_far AS configured,
  last_value(
    if(name IN ('prompt_sent', 'first_token_received', 'final_token_received'), name, NULL)
    IGNORE NULLS) OVER so_far AS of_reply,
  last_value(
    if(name IN ('start_of_agent_speech', 'end_of_agent_speech'), name, NULL)
    IGNORE NULLS) OVER so_far AS of_agent,
  last_value(
    if(name IN ('start_of_customer_speech', 'end_of_customer_speech'), name, NULL)
    IGNORE NULLS) OVER so_far AS of_customer,
  lag(instant) OVER in_order AS before,
  last_value(coalesce(relay.configurations.configurations.ttsProvider,
    relay.language_changed.tts_provider) IGNORE NULLS) OVER so_far AS speaker,
  last_value(coalesce(relay.configurations.configurations.voice,
    relay.language_changed.voice) IGNORE NULLS) OVER so_far AS voice,
  last_value(coalesce(relay.configurations.configurations.transcriptionProvider,
    relay.language_changed.transcription_provider) IGNORE NULLS) OVER so_far AS listener,
  last_value(coalesce(relay.configurations.configurations.speechModel,
    relay.language_changed.speech_model) IGNORE NULLS) OVER so_far AS model,
  last_value(coalesce(relay.configurations.configurations.ttsLanguage,
    relay.language_changed.tts_language_code) IGNORE NULLS) OVER so_far AS language
FROM events
WINDOW
  in_order AS (PARTITION BY account, call_sid, session ORDER BY instant, number, name),
  so_far AS (
    PARTITION BY account, call_sid, session ORDER BY instant, number, name
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING);

CREATE OR REPLACE TEMP TABLE sessions AS
SELECT
  account,
  call_sid,
  session,
  min(instant) AS began,
  max(instant) AS ended,
  count(*) AS events,
  max(number) - min(number) + 1 AS spanned,
  spanned - count(DISTINCT number) AS missing,
  spanned >= 20 AND missing * 4 > spanned AS sparse,
  max(relay.call_wrap_up.duration_in_seconds) AS duration,
  any_value(relay.call_wrap_up.end_status) AS end_status,
  coalesce(sum(relay.last_token_received.total_tokens), 0) AS tokens,
  count(*) FILTER (name = 'interrupt') AS interruptions,
  count(*) FILTER (name = 'prompt_sent') AS prompts,
  count(*) FILTER (name = 'start_of_agent_speech' AND prompted > coalesce(spoke, 0)) AS turns,
  sum(instant - spoke) FILTER (name = 'end_of_agent_speech' AND of_agent LIKE 'start%') AS talked,
  max(instant - before) FILTER (
    NOT coalesce(of_agent LIKE 'start%', false)
    AND NOT coalesce(of_customer LIKE 'start%', false)) AS silence,
  quantile_disc(instant - prompted, [0.5, 0.9, 0.95, 0.99]) FILTER (
    name = 'first_token_received' AND of_reply = 'prompt_sent') AS answered_in
FROM walked
GROUP BY account, call_sid, session;

CREATE OR REPLACE TEMP TABLE samples AS
SELECT
  instant,
  unnest(CASE name
    WHEN 'stt_latency' THEN [
      {metric: 'SttLatency', dimensions: '', sample: relay.stt_latency.latency_ms},
      {metric: 'SttLatency',
        dimensions: concat_ws(',', coalesce(listener, 'unknown'), coalesce(model, 'unknown')),
        sample: relay.stt_latency.latency_ms}]
    WHEN 'tts_latency' THEN [
      {metric: 'TtsLatency', dimensions: '', sample: relay.tts_latency.latency_ms},
      {metric: 'TtsLatency',
        dimensions: concat_ws(',', coalesce(speaker, 'unknown'), coalesce(voice, 'unknown')),
        sample: relay.tts_latency.latency_ms}]
    WHEN 'prompt_sent' THEN [{metric: 'Prompts', dimensions: '', sample: 1}]
    WHEN 'preempted' THEN [{metric: 'Preemptions', dimensions: '', sample: 1}]
    WHEN 'dtmf' THEN [{metric: 'DtmfReceived', dimensions: '', sample: 1}]
    WHEN 'digit' THEN [{metric: 'DigitsSent', dimensions: '', sample: 1}]
    WHEN 'play_media' THEN [{metric: 'MediaRequested', dimensions: '', sample: 1}]
    WHEN 'interrupt' THEN [
      {metric: 'Interruptions', dimensions: '', sample: 1},
      {metric: 'Interruptions', dimensions: relay.interrupt.type, sample: 1}]
    WHEN 'error_event' THEN [
      {metric: 'Errors', dimensions: '', sample: 1},
      {metric: 'Errors', dimensions: relay.error.error_code, sample: 1}]
    WHEN 'first_token_received' THEN [
      {metric: 'ApplicationLatency', dimensions: '',
        sample: if(of_reply = 'prompt_sent', instant - prompted, NULL)},
      {metric: 'ApplicationLatency', dimensions: coalesce(language, 'unknown'),
        sample: if(of_reply = 'prompt_sent', instant - prompted, NULL)}]
    WHEN 'final_token_received' THEN [
      {metric: 'Tokens', dimensions: '', sample: relay.last_token_received.total_tokens},
      {metric: 'Words', dimensions: '', sample: relay.last_token_received.total_words},
      {metric: 'TokenStreamDuration', dimensions: '',
        sample: if(of_reply = 'first_token_received', instant - token, NULL)},
      {metric: 'TokensPerSecond', dimensions: '', sample: if(
        of_reply = 'first_token_received' AND instant > token,
        relay.last_token_received.total_tokens * 1000000 // (instant - token), NULL)}]
    WHEN 'start_of_customer_speech' THEN [
      {metric: 'InterruptionsByCustomer', dimensions: '',
        sample: if(of_agent = 'start_of_agent_speech', 1, NULL)}]
    WHEN 'start_of_agent_speech' THEN [
      {metric: 'InterruptionsByAgent', dimensions: '',
        sample: if(of_customer = 'start_of_customer_speech', 1, NULL)},
      {metric: 'TimeToFirstAudio', dimensions: '',
        sample: if(spoke IS NULL, instant - configured, NULL)},
      {metric: 'Turns', dimensions: '',
        sample: if(prompted > coalesce(spoke, 0), 1, NULL)},
      {metric: 'ResponseLatency', dimensions: '',
        sample: if(prompted > coalesce(spoke, 0), instant - silent, NULL)},
      {metric: 'ResponseLatency', dimensions: coalesce(language, 'unknown'),
        sample: if(prompted > coalesce(spoke, 0), instant - silent, NULL)}]
    WHEN 'end_of_agent_speech' THEN [
      {metric: 'ReplyDuration', dimensions: '',
        sample: if(of_agent = 'start_of_agent_speech', instant - spoke, NULL)},
      {metric: 'BargeInStopTime', dimensions: '',
        sample: if(interrupted > spoke, instant - interrupted, NULL)}]
    ELSE [] END || [{metric: 'DeliveryDelay', dimensions: '',
      sample: greatest(arrival - instant, 0)}], recursive := true)
FROM walked
UNION ALL
SELECT
  began AS instant,
  'SessionsStarted' AS metric,
  '' AS dimensions,
  1 AS sample
FROM sessions
UNION ALL
SELECT
  ended AS instant,
  unnest([
    {metric: 'MissingEvents', dimensions: '', sample: if(sparse, NULL, missing)},
    {metric: 'TokensPerSession', dimensions: '', sample: tokens},
    {metric: 'InterruptionsPerSession', dimensions: '', sample: interruptions},
    {metric: 'TurnsPerSession', dimensions: '', sample: turns},
    {metric: 'SessionsEnded', dimensions: '', sample: 1},
    {metric: 'SessionsEnded', dimensions: end_status, sample: 1},
    {metric: 'SessionDuration', dimensions: '', sample: duration::BIGINT},
    {metric: 'AgentTalkShare', dimensions: '',
      sample: if(ended > began, 10000 * talked // (ended - began), NULL)},
    {metric: 'LongestSilence', dimensions: '', sample: silence}], recursive := true)
FROM sessions;

CREATE OR REPLACE TEMP TABLE datums AS
SELECT
  metric,
  minute,
  to_json({metric: metric, minute: minute, dimensions: dimensions,
    values: list(sample), counts: list(times), sum: sum(sample * times),
    minimum: min(sample), maximum: max(sample), count: sum(times)}) AS line
FROM (
  SELECT metric, dimensions, instant // 60000 AS minute, sample, count(*) AS times
  FROM samples
  WHERE sample IS NOT NULL
    AND (metric NOT IN ('SttLatency', 'TtsLatency') OR sample BETWEEN 0 AND 600000)
  GROUP BY ALL
)
GROUP BY metric, dimensions, minute;

CREATE OR REPLACE TEMP TABLE lines AS
SELECT to_json(one) AS line FROM sessions AS one;
