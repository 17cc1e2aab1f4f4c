package dev.koyomi.runner.queue;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;

/**
 * Writes chunks from this process, by COPY in the binary format (PostgreSQL manual, COPY, "Binary
 * Format"): what is in memory is one chunk.
 */
final class ChunkCopy implements Selection.Sink, AutoCloseable {
  private static final byte[] SIGNATURE = {
    'P', 'G', 'C', 'O', 'P', 'Y', '\n', (byte) 0xff, '\r', '\n', 0
  };

  private static final int TEXT_OID = 25;
  private static final int FIELDS = 9;

  private final CopyIn copy;
  private final long run;
  private final long token;
  private final Payload payload;
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final DataOutputStream out = new DataOutputStream(bytes);

  private final TextArray keys = new TextArray();
  private final List<TextArray> columns = new ArrayList<>();
  private byte @Nullable [] last;
  private boolean rising = true;
  private int size;
  private int length;
  private boolean ended;

  ChunkCopy(Connection connection, long run, long token, Payload payload) throws SQLException {
    this.run = run;
    this.token = token;
    this.payload = payload;
    payload.names().forEach(_ -> columns.add(new TextArray()));
    this.copy =
        connection
            .unwrap(PGConnection.class)
            .getCopyAPI()
            .copyIn(
                "copy koyomi.chunk (run_id, selector_token, size, keys, names, kinds, vals, bytes,"
                    + " rising) from stdin (format binary)");
    write(
        () -> {
          out.write(SIGNATURE);
          out.writeInt(0);
          out.writeInt(0);
        });
  }

  /**
   * Adds one job; a key that is null is refused later, with all others.
   *
   * @param values of the payload's columns, in their order
   */
  @Override
  public void add(@Nullable String key, @Nullable String... values) throws SQLException {
    byte @Nullable [] keyBytes = utf8(key);
    rising &= keyBytes != null && (last == null || shorterOrBefore(last, keyBytes));
    last = keyBytes;
    keys.add(keyBytes);
    for (int i = 0; i < values.length; i++) {
      length += columns.get(i).add(utf8(values[i]));
    }
    size++;
    if (size == ChunkInsert.JOBS || length >= ChunkInsert.BYTES) {
      flush();
    }
  }

  private static byte @Nullable [] utf8(@Nullable String text) {
    return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
  }

  /** An order in which numbers without a sign stand by their value. */
  private static boolean shorterOrBefore(byte[] a, byte[] b) {
    return a.length == b.length ? Arrays.compareUnsigned(a, b) < 0 : a.length < b.length;
  }

  private void flush() throws SQLException {
    if (size == 0) {
      return;
    }
    write(
        () -> {
          out.writeShort(FIELDS);
          bigint(run);
          bigint(token);
          out.writeInt(Integer.BYTES);
          out.writeInt(size);
          keys.write(out);
          names().write(out);
          text(payload.kinds());
          vals();
          bigint(length);
          out.writeInt(1);
          out.writeBoolean(rising);
        });
    keys.clear();
    columns.forEach(TextArray::clear);
    size = 0;
    length = 0;
  }

  private TextArray names() {
    TextArray names = new TextArray();
    payload.names().forEach(name -> names.add(utf8(name)));
    return names;
  }

  private void bigint(long value) throws IOException {
    out.writeInt(Long.BYTES);
    out.writeLong(value);
  }

  private void text(String value) throws IOException {
    byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
    out.writeInt(utf8.length);
    out.write(utf8);
  }

  /** Two dimensions: one row for each column. */
  private void vals() throws IOException {
    if (columns.isEmpty()) {
      new TextArray().write(out);
      return;
    }
    int elements = columns.stream().mapToInt(TextArray::length).sum();
    out.writeInt(7 * Integer.BYTES + elements);
    out.writeInt(2);
    out.writeInt(1);
    out.writeInt(TEXT_OID);
    out.writeInt(columns.size());
    out.writeInt(1);
    out.writeInt(size);
    out.writeInt(1);
    for (TextArray column : columns) {
      column.writeElements(out);
    }
  }

  private interface Piece {
    void write() throws IOException;
  }

  private void write(Piece piece) throws SQLException {
    try {
      piece.write();
    } catch (IOException inMemory) {
      throw new UncheckedIOException(inMemory);
    }
    copy.writeToCopy(bytes.toByteArray(), 0, bytes.size());
    bytes.reset();
  }

  /** Ends the COPY; what was added is there. Without it close() takes it back. */
  void end() throws SQLException {
    flush();
    write(() -> out.writeShort(-1));
    copy.endCopy();
    ended = true;
  }

  @Override
  public void close() throws SQLException {
    if (!ended && copy.isActive()) {
      copy.cancelCopy();
    }
  }

  /** Texts in the binary format of an array's elements, built as they come. */
  private static final class TextArray {
    private static final byte[] NONE = {};

    private byte[] elements = new byte[8192];
    private int length;
    private int count;

    int add(byte @Nullable [] utf8) {
      byte[] text = utf8 == null ? NONE : utf8;
      if (length + Integer.BYTES + text.length > elements.length) {
        elements = Arrays.copyOf(elements, 2 * (elements.length + text.length));
      }
      int size = utf8 == null ? -1 : text.length;
      elements[length++] = (byte) (size >>> 24);
      elements[length++] = (byte) (size >>> 16);
      elements[length++] = (byte) (size >>> 8);
      elements[length++] = (byte) size;
      System.arraycopy(text, 0, elements, length, text.length);
      length += text.length;
      count++;
      return text.length;
    }

    int length() {
      return length;
    }

    void write(DataOutputStream out) throws IOException {
      if (count == 0) {
        out.writeInt(3 * Integer.BYTES);
        out.writeInt(0);
        out.writeInt(0);
        out.writeInt(TEXT_OID);
        return;
      }
      out.writeInt(5 * Integer.BYTES + length);
      out.writeInt(1);
      out.writeInt(1);
      out.writeInt(TEXT_OID);
      out.writeInt(count);
      out.writeInt(1);
      writeElements(out);
    }

    void writeElements(DataOutputStream out) throws IOException {
      out.write(elements, 0, length);
    }

    void clear() {
      length = 0;
      count = 0;
    }
  }
}
