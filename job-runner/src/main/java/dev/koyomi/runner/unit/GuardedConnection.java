package dev.koyomi.runner.unit;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.CallableStatement;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The connection as a Unit sees it: everything works but what would end, change or escape the
 * runner's transaction.
 */
final class GuardedConnection implements InvocationHandler {
  private static final Set<String> REFUSED =
      Set.of(
          "commit",
          "rollback",
          "setAutoCommit",
          "setTransactionIsolation",
          "setReadOnly",
          "close",
          "abort",
          "unwrap",
          "isWrapperFor",
          "setSavepoint",
          "releaseSavepoint");

  private final Connection connection;

  private GuardedConnection(Connection connection) {
    this.connection = connection;
  }

  static Connection of(Connection connection) {
    return proxy(Connection.class, new GuardedConnection(connection));
  }

  @Override
  public @Nullable Object invoke(Object proxy, Method method, Object @Nullable [] arguments)
      throws Throwable {
    if (REFUSED.contains(method.getName())) {
      throw new SQLException(
          "a Unit may not call Connection.%s: the runner ends the transaction"
              .formatted(method.getName()));
    }
    Object result = call(connection, method, arguments);
    return switch (result) {
      case CallableStatement statement -> guarded(CallableStatement.class, statement, proxy);
      case PreparedStatement statement -> guarded(PreparedStatement.class, statement, proxy);
      case Statement statement -> guarded(Statement.class, statement, proxy);
      case null, default -> result;
    };
  }

  /** A statement whose way back to its connection leads to the guard. */
  private static <S extends Statement> S guarded(Class<S> type, S statement, Object guard) {
    return proxy(
        type,
        (_, method, arguments) ->
            switch (method.getName()) {
              case "getConnection" -> guard;
              case "unwrap", "isWrapperFor" ->
                  throw new SQLException("a Unit may not unwrap its statements");
              default -> call(statement, method, arguments);
            });
  }

  private static @Nullable Object call(Object target, Method method, Object @Nullable [] arguments)
      throws Throwable {
    try {
      return method.invoke(target, arguments);
    } catch (InvocationTargetException e) {
      throw e.getTargetException();
    }
  }

  private static <T> T proxy(Class<T> type, InvocationHandler handler) {
    return type.cast(
        Proxy.newProxyInstance(
            GuardedConnection.class.getClassLoader(), new Class<?>[] {type}, handler));
  }
}
