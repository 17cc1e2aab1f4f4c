package dev.koyomi.e2e;

import java.io.IOException;
import java.sql.SQLException;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.extension.AfterTestExecutionCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * Hands tests the {@link Installation} that all share, and a {@link Room} of their own: one for the
 * class when a class-level method asks for it, else one for each test.
 */
final class OnCluster implements ParameterResolver, AfterTestExecutionCallback {
  private static final Namespace STORE = Namespace.create(OnCluster.class);
  private static final AtomicInteger ROOMS = new AtomicInteger();

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    Class<?> type = parameter.getParameter().getType();
    return type == Installation.class || type == Room.class;
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == Room.class ? room(context) : installation(context);
  }

  private static Installation installation(ExtensionContext context) {
    return context
        .getRoot()
        .getStore(STORE)
        .computeIfAbsent(
            Installation.class,
            key -> {
              try {
                return Installation.make();
              } catch (IOException | SQLException failed) {
                throw new IllegalStateException(failed);
              }
            },
            Installation.class);
  }

  private static Room room(ExtensionContext context) {
    Installation installation = installation(context);
    return context
        .getStore(STORE)
        .computeIfAbsent(
            Room.class,
            key -> {
              try {
                return Room.make(
                    installation,
                    "%s-%d"
                        .formatted(
                            context.getRequiredTestClass().getSimpleName().toLowerCase(Locale.ROOT),
                            ROOMS.incrementAndGet()));
              } catch (SQLException failed) {
                throw new IllegalStateException(failed);
              }
            },
            Room.class);
  }

  /** After a failure: what the cluster looked like. */
  @Override
  public void afterTestExecution(ExtensionContext context) {
    Room room = context.getStore(STORE).get(Room.class, Room.class);
    if (context.getExecutionException().isPresent() && room != null) {
      System.out.println(new Scene(room).describe());
    }
  }
}
