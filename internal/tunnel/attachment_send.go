package tunnel

// sendRoom is what must be free in a buffer for another message that is not
// DATA, or for one that is and is worth it.
const sendRoom = 256

// send sends what is due until nothing can be any more.
func (a *attachment) send() {
	for {
		frames, buf := a.nextFrames()
		if buf == nil {
			return
		}
		err := a.ws.write(frames)
		putBuffer(buf)
		if err != nil {
			a.fail(lostError(err))
			return
		}
	}
}

// nextFrames waits for messages to send and gives those that are due, in a
// buffer; nil when there will be none.
func (a *attachment) nextFrames() ([]byte, *buffer) {
	s := a.session
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if a.dismissed != "" && !s.over {
			return nil, nil
		}
		if frames, buf := a.compose(); buf != nil {
			return frames, buf
		}
		if a.gone || s.over || a.last && s.client {
			return nil, nil
		}
		switch {
		case s.complete() && s.client:
			a.last = true
		case s.complete() && !a.last:
			a.last = true
			a.boundEnd() // the client is to close
		default:
			s.changed.Wait()
		}
	}
}

// compose puts what is due into a buffer, as frames; nil if nothing is. s.mu is
// held.
func (a *attachment) compose() (frames []byte, buf *buffer) {
	s := a.session
	for buf == nil || cap(frames)-len(frames) >= sendRoom {
		m, ok := a.due()
		if !ok {
			break
		}
		if buf == nil {
			size := 0
			for size < largest && s.out.end-a.next > uint64(bufferSizes[size]-sendRoom) {
				size++
			}
			buf = getBuffer(size)
			frames = buf.bytes[:0]
		}
		switch {
		case a.hello != nil:
			frames, a.hello = a.ws.appendFrame(frames, opBinary, a.hello), nil
		case m.kind == kindData:
			frames = a.appendData(frames, m)
		default:
			var b [2 + maxReason]byte
			frames = a.ws.appendFrame(frames, opBinary, m.append(b[:0]))
		}
	}
	return frames, buf
}

// appendData adds a DATA message with as many bytes as there are and fit. s.mu is
// held.
func (a *attachment) appendData(frames []byte, m message) []byte {
	s := a.session
	n := min(int(s.out.end-a.next), maxData, cap(frames)-len(frames)-maxHeader-dataHeader)
	key := a.ws.newKey()
	frames = appendHeader(frames, opBinary, dataHeader+n, key)
	start := len(frames)
	frames = s.out.appendTo(m.append(frames), m.offset, n)
	mask(frames[start:], frames[start:], key)
	a.next += uint64(n)
	if a.next > s.sent {
		s.meter.Carried(0, int64(a.next-s.sent))
		s.sent = a.next
	}
	return frames
}

// due gives the message that is to be sent now, if there is one. s.mu is held.
func (a *attachment) due() (message, bool) {
	s := a.session
	switch end := s.outEnd(); {
	case a.gone:
		return message{}, false
	case a.hello != nil:
		return message{}, true
	case s.over:
		if s.told || s.complete() {
			return message{}, false
		}
		s.told = true
		return message{kind: kindReset, code: resetCodeOf(s.end.code), reason: s.end.reason}, true
	case a.ackIsDue():
		a.acked, a.greet, s.ackNow = s.delivered(), false, false
		return message{kind: kindAck, offset: a.acked}, true
	case a.next < s.out.end:
		return message{kind: kindData, offset: a.next}, true
	case a.next < end:
		a.next = end
		return message{kind: kindFin, offset: s.out.end}, true
	case s.failed != nil && !a.last:
		a.last = true
		a.boundEnd()
		return message{kind: kindReset, code: resetConnection, reason: s.failed.reason}, true
	}
	return message{}, false
}

// ackIsDue says whether to acknowledge now what conn has taken.
func (a *attachment) ackIsDue() bool {
	delivered := a.session.delivered()
	if a.greet {
		return true
	}
	if delivered == a.acked {
		a.session.ackNow = false
		return false
	}
	return a.session.ackNow || a.session.inDone || delivered-a.acked >= ackBytes
}
