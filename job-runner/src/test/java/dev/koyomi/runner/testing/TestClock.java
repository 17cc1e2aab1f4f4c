package dev.koyomi.runner.testing;

import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import org.jdbi.v3.core.Jdbi;

/**
 * The database's clock in the hands of a test: what {@code koyomi.now()} and {@code koyomi.clock()}
 * say, to all sessions.
 */
public final class TestClock {
  private static final Instant START = Instant.parse("2026-10-31T15:30:00Z");

  private final Jdbi jdbi;

  private TestClock(Jdbi jdbi) {
    this.jdbi = jdbi;
  }

  static TestClock install(Jdbi jdbi) {
    jdbi.useHandle(
        handle -> {
          handle.execute("create table if not exists public.test_clock (at timestamptz not null)");
          handle.execute(
              """
              create or replace function koyomi.now() returns timestamptz
                language sql stable parallel safe
                begin atomic select at from public.test_clock; end
              """);
          handle.execute(
              """
              create or replace function koyomi.clock() returns timestamptz
                language sql volatile
                begin atomic select at from public.test_clock; end
              """);
          handle.execute("delete from public.test_clock");
          handle.execute("insert into public.test_clock (at) values (?)", at(START));
        });
    return new TestClock(jdbi);
  }

  static void remove(Jdbi jdbi) {
    jdbi.useHandle(
        handle -> {
          handle.execute(
              "create or replace function koyomi.now() returns timestamptz language sql stable"
                  + " parallel safe return statement_timestamp()");
          handle.execute(
              "create or replace function koyomi.clock() returns timestamptz language sql volatile"
                  + " return clock_timestamp()");
        });
  }

  public Instant now() {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery("select koyomi.now()")
                .mapTo(OffsetDateTime.class)
                .one()
                .toInstant());
  }

  public void set(Instant now) {
    jdbi.useHandle(handle -> handle.execute("update public.test_clock set at = ?", at(now)));
  }

  public void advance(Duration by) {
    jdbi.useHandle(
        handle ->
            handle.execute(
                "update public.test_clock set at = at + make_interval(secs => ?)",
                by.toNanos() / 1e9));
  }

  private static OffsetDateTime at(Instant instant) {
    return instant.atOffset(ZoneOffset.UTC);
  }
}
