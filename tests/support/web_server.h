#pragma once

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace support {

/// A web server at a free port of 127.0.0.1, in a thread. It answers each request with the very bytes that `answer`
/// makes of the request's lines, and closes the connection: so it can also break the rules.
class WebServer {
 public:
  using Answer = std::function<std::string(const std::string& request)>;

  explicit WebServer(Answer answer) : answer_(std::move(answer)), listening_(::socket(AF_INET, SOCK_STREAM, 0)) {
    ::setenv("no_proxy", "127.0.0.1", 1);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listening_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listening_, 8) != 0 ||
        ::getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("no port for the test's web server");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  WebServer(const WebServer&) = delete;
  ~WebServer() {
    ::shutdown(listening_, SHUT_RDWR);  // ends the wait for a request
    thread_.join();
    ::close(listening_);
  }

  std::string url(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port_) + path; }

  /// The requests so far.
  std::vector<std::string> requests() const {
    const std::lock_guard guard(mutex_);
    return requests_;
  }

 private:
  void serve() {
    for (int connection; (connection = ::accept(listening_, nullptr, nullptr)) >= 0; ::close(connection)) {
      std::string request;
      char buffer[4096];
      while (request.find("\r\n\r\n") == std::string::npos) {
        const ssize_t count = ::recv(connection, buffer, sizeof buffer, 0);
        if (count <= 0) break;
        request.append(buffer, static_cast<size_t>(count));
      }
      {
        const std::lock_guard guard(mutex_);
        requests_.push_back(request);
      }
      const std::string reply = answer_(request);
      for (size_t sent = 0; sent < reply.size();) {
        const ssize_t count = ::send(connection, reply.data() + sent, reply.size() - sent, MSG_NOSIGNAL);
        if (count <= 0) break;
        sent += static_cast<size_t>(count);
      }
    }
  }

  Answer answer_;
  int listening_, port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

/// An answer as a server should make it.
inline std::string reply(const std::string& status, const std::string& body, const std::string& more_lines = "") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + more_lines + "\r\n" +
         body;
}

/// A file, or the rest of it, where the request asks for that.
inline std::string reply_range(const std::string& request, const std::string& file) {
  const std::string field = "\r\nRange: bytes=";
  const size_t at = request.find(field);
  if (at == std::string::npos) return reply("200 OK", file);
  const size_t begin = std::stoul(request.substr(at + field.size()));
  const std::string size = std::to_string(file.size());
  if (begin >= file.size()) return reply("416 Range Not Satisfiable", "", "Content-Range: bytes */" + size + "\r\n");
  return reply(
      "206 Partial Content", file.substr(begin),
      "Content-Range: bytes " + std::to_string(begin) + "-" + std::to_string(file.size() - 1) + "/" + size + "\r\n");
}

}  // namespace support
