package dev.koyomi.bench.measure;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.Driver;
import java.sql.DriverManager;
import java.sql.DriverPropertyInfo;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * How long each call of some functions of the queue takes, as a worker waits for it: stands before
 * PostgreSQL's driver, so that the worker is measured as it is.
 */
public final class TimedCalls implements Driver {
  /** One call, answered. */
  public record Call(String function, double millis, Instant answered) {}

  private final Driver driver;
  private final List<String> functions;
  private final Collection<Call> calls = new ConcurrentLinkedQueue<>();

  private TimedCalls(Driver driver, List<String> functions) {
    this.driver = driver;
    this.functions = List.copyOf(functions);
  }

  /** From now on all new connections of this process are timed. */
  public static TimedCalls of(String... functions) throws SQLException {
    Driver driver = DriverManager.getDriver("jdbc:postgresql://127.0.0.1/");
    DriverManager.deregisterDriver(driver);
    TimedCalls timed = new TimedCalls(driver, List.of(functions));
    DriverManager.registerDriver(timed);
    return timed;
  }

  /** Forgets the calls so far. */
  public void forget() {
    calls.clear();
  }

  public List<Call> calls() {
    return List.copyOf(calls);
  }

  @Override
  public @Nullable Connection connect(String url, Properties properties) throws SQLException {
    Connection connection = driver.connect(url, properties);
    return connection == null
        ? null
        : proxy(
            Connection.class,
            (method, arguments) -> {
              Object result = invoke(connection, method, arguments);
              return result instanceof PreparedStatement statement
                      && arguments != null
                      && arguments[0] instanceof String sql
                  ? function(sql).<Object>map(name -> timed(statement, name)).orElse(result)
                  : result;
            });
  }

  private Optional<String> function(String sql) {
    return functions.stream().filter(name -> sql.contains(name + "(")).findFirst();
  }

  private PreparedStatement timed(PreparedStatement statement, String function) {
    return proxy(
        PreparedStatement.class,
        (method, arguments) -> {
          if (!method.getName().startsWith("execute")) {
            return invoke(statement, method, arguments);
          }
          long begin = System.nanoTime();
          try {
            return invoke(statement, method, arguments);
          } finally {
            calls.add(new Call(function, (System.nanoTime() - begin) / 1e6, Instant.now()));
          }
        });
  }

  private interface Behaviour {
    @Nullable Object of(Method method, Object @Nullable [] arguments) throws Throwable;
  }

  private static <T> T proxy(Class<T> type, Behaviour behaviour) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader() == null
                ? TimedCalls.class.getClassLoader()
                : type.getClassLoader(),
            new Class<?>[] {type},
            (_, method, arguments) -> behaviour.of(method, arguments)));
  }

  private static @Nullable Object invoke(
      Object target, Method method, Object @Nullable [] arguments) throws Throwable {
    try {
      return method.invoke(target, arguments);
    } catch (InvocationTargetException failed) {
      throw failed.getTargetException();
    }
  }

  /** Of these figures the one that so many percent do not exceed. */
  public static double percentile(List<Double> figures, int percent) {
    List<Double> sorted = new ArrayList<>(figures);
    sorted.sort(null);
    return sorted.isEmpty()
        ? Double.NaN
        : sorted.get(Math.min(sorted.size() - 1, sorted.size() * percent / 100));
  }

  @Override
  public boolean acceptsURL(String url) throws SQLException {
    return driver.acceptsURL(url);
  }

  @Override
  public DriverPropertyInfo[] getPropertyInfo(String url, Properties properties)
      throws SQLException {
    return driver.getPropertyInfo(url, properties);
  }

  @Override
  public int getMajorVersion() {
    return driver.getMajorVersion();
  }

  @Override
  public int getMinorVersion() {
    return driver.getMinorVersion();
  }

  @Override
  public boolean jdbcCompliant() {
    return driver.jdbcCompliant();
  }

  @Override
  public Logger getParentLogger() throws SQLFeatureNotSupportedException {
    return driver.getParentLogger();
  }
}
